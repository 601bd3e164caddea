# %% [markdown] lang="en"
# # 3. The recurrent layer and its 200 numbers
#
# "Good, not bad" and "bad, not good" contain the same words. To tell them apart, a network has to read in order. The
# recurrent layer does so: it reads one word at a time, and keeps what it has read in 8 numbers, the hidden state. This
# chapter computes its steps by hand.

# %% [markdown] lang="ko"
# # 3. 순환층과 숫자 200개
#
# "Good, not bad"와 "bad, not good"에는 같은 단어가 들어 있습니다. 둘을 구별하려면 신경망이 단어를 차례대로 읽어야
# 합니다. 순환층은 그렇게 단어를 하나씩 읽고, 지금까지 읽은 것을 숫자 8개로 된 은닉 상태에 담아 둡니다. 이 장에서는 그
# 단계들을 손으로 계산해 봅니다.

# %%
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

found = [name for name in ("jax", "torch", "tensorflow") if find_spec(name)]
backend = os.environ.setdefault("KERAS_BACKEND", (found or ["jax"])[0])
if not find_spec("imdb_rnn"):
    wheels = sorted(Path.cwd().glob("imdb_rnn-*.whl"))
    if not wheels:
        raise RuntimeError(
            "Put imdb_rnn-*.whl beside this notebook, and run again."
        )
    pip = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, f"{wheels[-1]}[{backend}]"], check=True)
print("backend:", backend)

# %% [markdown] lang="en"
# ## The equation
#
# In each step the layer takes the vector `x` of a word (16 numbers) and the hidden state `h` after the words before it
# (8 numbers), and computes the new state:
#
# ```text
# new h = tanh(x W + h U + b)
# ```
#
# `W` has 16 rows and 8 columns, `U` has 8 rows and 8 columns, `b` has 8 numbers. The same `W`, `U` and `b` are used in
# every step, so the layer has only these numbers, however long a review is.

# %% [markdown] lang="ko"
# ## 식
#
# 단계마다 순환층은 단어의 벡터 `x`(숫자 16개)와 앞 단어들까지의 은닉 상태 `h`(숫자 8개)를 받아 새로운 은닉 상태를
# 계산합니다.
#
# ```text
# new h = tanh(x W + h U + b)
# ```
#
# `W`는 16행 8열이고, `U`는 8행 8열이고, `b`는 숫자 8개입니다. 모든 단계에서 같은 `W`, `U`, `b`를 쓰므로, 리뷰가 아무리
# 길어도 층의 숫자는 이것뿐입니다.

# %% check="W.size + U.size + b.size == 200"
import keras
import matplotlib.pyplot as plt
import numpy as np

import imdb_rnn

plt.rcParams.update(
    {"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False}
)

corpus = imdb_rnn.load_reviews("synthetic")
training = imdb_rnn.train(corpus, recipe=imdb_rnn.Recipe.tutorial(), progress=False)
classifier = training.classifier
table, W, U, b, out, out_b = classifier.weights()
print(f"W: {W.size}, U: {U.size}, b: {b.size} numbers")
print(f"together: {W.size + U.size + b.size} numbers")

# %% picture="numbers" en="The 200 numbers of the recurrent layer as colours" ko="색으로 나타낸 순환층의 숫자 200개"
figure, panels = plt.subplots(1, 3, figsize=(9, 4.2), layout="constrained")
for axes, numbers, name in zip(panels, (W, U, b[np.newaxis]), "WUb", strict=True):
    picture = axes.imshow(numbers, cmap="RdBu", vmin=-1, vmax=1)
    axes.set(
        title=f"{name}: {numbers.size} numbers",
        xlabel="unit",
        xticks=range(8),
        yticks=range(len(numbers)),
    )
figure.colorbar(picture, ax=panels, shrink=0.7)
plt.show()

# %% [markdown] lang="en"
# ## One step by hand
#
# Read the words "good film". All numbers of the state are 0 at first, so the first step uses only `W` and `b`.

# %% [markdown] lang="ko"
# ## 한 단계를 손으로 계산하기
#
# "good film"이라는 단어를 읽어 봅니다. 처음에는 은닉 상태의 숫자가 모두 0이므로 첫 단계에서는 `W`와 `b`만 쓰입니다.

# %%
np.set_printoptions(precision=3, suppress=True, linewidth=80)
word_index = classifier.vocabulary.word_index

h = np.zeros(8, np.float32)
x = table[word_index["good"]]
print("x of good:", x, sep="\n")
h = np.tanh(x @ W + h @ U + b)
print("h after good:", h, sep="\n")

# %% [markdown] lang="en"
# The second step takes the next word, and the state after the first step.

# %% [markdown] lang="ko"
# 두 번째 단계는 다음 단어와 첫 번째 단계 뒤의 은닉 상태를 받습니다.

# %%
x = table[word_index["film"]]
h = np.tanh(x @ W + h @ U + b)
print("h after good film:", h, sep="\n")

# %% [markdown] lang="en"
# ## The same as Keras
#
# The layer of Keras computes the same with these weights, on any backend. The small difference is rounding: a backend
# may add up the products in another order than NumPy.

# %% [markdown] lang="ko"
# ## Keras와 같은 결과
#
# 이 가중치를 넣으면 Keras의 층도 어느 백엔드에서나 똑같이 계산합니다. 작은 차이는 반올림 때문입니다. 백엔드가 곱을
# 더하는 순서는 NumPy와 다를 수 있습니다.

# %% check="difference < 1e-6"
words = table[[word_index["good"], word_index["film"]]]
layer = keras.layers.SimpleRNN(8)
layer.build((1, 2, 16))
layer.set_weights([W, U, b])
of_keras = keras.ops.convert_to_numpy(layer(words[np.newaxis]))[0]
difference = np.abs(of_keras - h).max()
print("h of Keras:", of_keras, sep="\n")
print(f"largest difference: {difference:.0e}")
print("the same within 0.000001:", difference < 1e-6)

# %% [markdown] lang="en"
# ## A whole review
#
# For a whole review, a loop over the words is enough. The network reads 100 ids. A short review is padded at its
# beginning with the id 0, which has a row in the table like any other id. So the state is no longer 0 when the first
# word is read.

# %% [markdown] lang="ko"
# ## 리뷰 전체
#
# 리뷰 전체를 읽으려면 단어를 차례로 도는 반복문이면 충분합니다. 신경망은 id를 100개 읽습니다. 짧은 리뷰는 앞쪽을 id
# 0으로 채우는데, 이 id도 다른 id처럼 표에 행이 있습니다. 그래서 첫 단어를 읽을 때 은닉 상태는 이미 0이 아닙니다.

# %%
text = (
    "The story is dull and the first half is boring, "
    "but the ending is wonderful and I loved it."
)
ids = classifier.vocabulary.encode_typed(text)
h, states = np.zeros(8, np.float32), []
for i in [0] * (100 - len(ids)) + ids:
    h = np.tanh(table[i] @ W + h @ U + b)
    states.append(h)
states = np.array(states)
print("states:", states.shape)

# %% [markdown] lang="en"
# The last layer has 9 numbers: a weight for each of the 8 numbers of the state, and a bias. It turns the weighted sum
# into a score between 0 and 1. Usually it reads only the last state. From the state after each word, it computes the
# score that the network would give if the review ended there.

# %% [markdown] lang="ko"
# 마지막 층에는 숫자가 9개 있습니다. 은닉 상태의 숫자 8개에 대한 가중치와 편향입니다. 이 층은 가중합을 0과 1 사이의
# 점수로 바꿉니다. 보통은 마지막 은닉 상태만 읽습니다. 각 단어 다음의 은닉 상태를 넣으면, 리뷰가 거기서 끝날 때 신경망이
# 매길 점수가 나옵니다.

# %% check=["out.size + out_b.size == 9", "abs(scores[-1] - classifier.predict_review(text).score) < 1e-6"]
scores = 1 / (1 + np.exp(-(states @ out + out_b)[:, 0]))
print(f"last layer: {out.size + out_b.size} numbers")
print(f"score by hand:         {scores[-1]:.5f}")
print(f"score of the library:  {classifier.predict_review(text).score:.5f}")

# %% picture="states" check="scores[labels.index('boring') - len(labels)] < 0.5 < scores[-1]" en="The eight units and the score along a review" ko="리뷰를 읽는 동안의 유닛 8개와 점수"
labels = [
    "(padding)",
    "(start)",
    *(classifier.vocabulary.decode([i]) for i in ids[1:]),
]
shown = slice(100 - len(labels), 100)
figure, (top, below) = plt.subplots(
    2, 1, figsize=(9, 4.6), sharex=True, height_ratios=(3, 2), layout="constrained"
)
top.imshow(states[shown].T, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
top.set(
    ylabel="unit", yticks=range(8), title="hidden state (red -1, white 0, blue 1)"
)
below.plot(scores[shown], "o-", color="0.3", markersize=4)
below.axhline(0.5, color="0.7", linestyle="--", zorder=0)
below.set(ylim=(0, 1), ylabel="score", xticks=range(len(labels)))
below.set_xticklabels(labels, rotation=60, ha="right")
plt.show()

# %% [markdown] lang="en"
# Read the picture from left to right. A unit need not have a meaning of its own: what has been read is spread over all
# eight. A word changes several units at once, and a part of the change remains for a few words. This is the memory of
# the network. It fades, because each step mixes the state again. So late words usually count more than early ones: after
# "boring" the score is low, and the good ending decides.
#
# [The next chapter](4-training.md) shows where all these numbers come from.

# %% [markdown] lang="ko"
# 그림을 왼쪽에서 오른쪽으로 읽어 보십시오. 유닛 하나하나에 꼭 따로 뜻이 있는 것은 아니며, 지금까지 읽은 내용은 여덟
# 유닛에 나뉘어 담깁니다. 단어 하나는 여러 유닛을 한꺼번에 바꾸고, 그 변화의 일부는 몇 단어 동안 남습니다. 이것이
# 신경망의 기억입니다. 단계마다 은닉 상태가 새로 섞이므로 기억은 흐려집니다. 그래서 대개 뒤쪽 단어가 앞쪽 단어보다
# 점수에 더 크게 영향을 줍니다. "boring" 다음에는 점수가 낮지만, 좋은 결말이 결과를 정합니다.
#
# [다음 장](4-training.md)에서는 이 숫자들이 모두 어디에서 오는지 알아봅니다.
