# %% [markdown] lang="en"
# # 1. Words as one-hot vectors
#
# A neural network computes with numbers, but a review consists of words. This tutorial builds a small network that
# reads film reviews and says whether they are positive. It begins with the first question: how does a word become
# numbers? This chapter tries the most obvious answer, and computes what it costs.
#
# The cell below chooses the backend: the one in `KERAS_BACKEND`, or else the first that is installed of JAX, PyTorch
# and TensorFlow. Every chapter begins with it, can be run alone, and leads to the same conclusions on all three.
#
# If the library is missing, as in Colab, the cell installs it from a wheel. `pip wheel --no-deps .` makes one in a
# checkout. Put it beside the notebook; in Colab, upload it in the Files panel.

# %% [markdown] lang="ko"
# # 1. 원-핫 벡터로 나타낸 단어
#
# 신경망은 숫자로 계산하지만 리뷰는 단어로 이루어져 있습니다. 이 튜토리얼에서는 영화 리뷰를 읽고 긍정적인지 판단하는
# 작은 신경망을 만듭니다. 첫 번째 질문은 이것입니다. 단어를 어떻게 숫자로 바꿀까요? 이 장에서는 가장 먼저 떠오르는
# 방법을 써 보고, 그 비용을 계산해 봅니다.
#
# 아래 셀은 백엔드를 고릅니다. `KERAS_BACKEND`에 적힌 백엔드를 쓰고, 없으면 JAX, PyTorch, TensorFlow 가운데 설치된 첫
# 번째 것을 씁니다. 모든 장은 이 셀로 시작하고 따로 실행할 수 있으며, 세 백엔드 모두에서 같은 결론에 이릅니다.
#
# Colab처럼 라이브러리가 없는 곳에서는 이 셀이 휠 파일로 설치합니다. 휠은 저장소를 내려받은 폴더에서
# `pip wheel --no-deps .` 명령으로 만들 수 있습니다. 만든 파일을 노트북과 같은 폴더에 두십시오. Colab에서는 파일 패널에
# 올리면 됩니다.

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
# ## Reviews as ids
#
# The reviews of this tutorial are made up by the library, so that every chapter runs without a download. Numbers
# measured on them are not those of real reviews. The results for the IMDB reviews are in [Recipes](../../recipes.md)
# and [Do the backends agree?](../../agreement.md).
#
# Each word has an id. The id 0 is padding, 1 starts a review, 2 stands for an unknown word, and the most frequent word
# has the id 4.

# %% [markdown] lang="ko"
# ## id로 바꾼 리뷰
#
# 이 튜토리얼의 리뷰는 라이브러리가 지어낸 것입니다. 그래서 모든 장을 내려받기 없이 실행할 수 있습니다. 이 리뷰로 잰
# 수치는 실제 리뷰의 수치가 아닙니다. IMDB 리뷰의 결과는 [Recipes](../../recipes.md)와 [Do the backends
# agree?](../../agreement.md)에 있습니다.
#
# 단어마다 id가 있습니다. 0은 패딩, 1은 리뷰의 시작, 2는 모르는 단어를 뜻하고, 가장 자주 나오는 단어의 id는 4입니다.

# %%
import matplotlib.pyplot as plt
import numpy as np

import imdb_rnn

plt.rcParams.update(
    {"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False}
)

corpus = imdb_rnn.load_reviews("synthetic")
vocabulary = corpus.vocabulary
print(
    f"{len(corpus.train):,} reviews for training, {len(corpus.test):,} for testing"
)
print(f"{len(vocabulary):,} words")
review = corpus.train[2]
print(review)
print(vocabulary.decode(review))

# %% [markdown] lang="en"
# ## From an id to a vector
#
# An id is a number, so why not compute with it? Because its size means nothing. "good" has the id 34 and "bad" the id
# 39; a network would treat them as neighbours.
#
# A one-hot vector avoids this. It has one entry for each id. The entry at the id of the word is 1, and every other
# entry is 0, like a row of switches with one of them on. The tutorial uses 10,000 ids.

# %% [markdown] lang="ko"
# ## id에서 벡터로
#
# id도 숫자인데 그대로 계산하면 안 될까요? id의 크기에는 뜻이 없기 때문입니다. "good"의 id는 34이고 "bad"의 id는
# 39입니다. 신경망은 두 단어를 이웃으로 여길 것입니다.
#
# 원-핫 벡터에는 이런 문제가 없습니다. id마다 성분이 하나씩 있어서, 단어의 id에 해당하는 성분은 1이고 나머지 성분은 모두
# 0입니다. 늘어선 스위치 가운데 하나만 켜져 있는 셈입니다. 튜토리얼은 id 10,000개를 씁니다.

# %% check=["ids == [34, 37, 39]", "(one_hot.sum(axis=1) == 1).all()"]
num_words = 10_000
words = ["good", "great", "bad"]
ids = [vocabulary.word_index[word] for word in words]
print("ids:", ids)

one_hot = np.zeros((len(words), num_words), np.float32)
one_hot[np.arange(len(words)), ids] = 1
print("shape:", one_hot.shape)
print("the first 42 entries of each:")
for word, vector in zip(words, one_hot, strict=True):
    print(f"{word:>6}", "".join("1" if entry else "." for entry in vector[:42]))

# %% [markdown] lang="en"
# Now no two words are neighbours. All distances between different words are the same, however similar their meanings
# are.

# %% [markdown] lang="ko"
# 이제 이웃인 단어는 없습니다. 뜻이 아무리 비슷해도, 서로 다른 두 단어 사이의 거리는 모두 같습니다.

# %%
for one, other in ((0, 1), (0, 2), (1, 2)):
    distance = np.linalg.norm(one_hot[one] - one_hot[other])
    print(f"from {words[one]} to {words[other]}: {distance:.4f}")

# %% [markdown] lang="en"
# ## What it costs
#
# The network reads 100 ids of each review. How many bytes does it read if each id becomes a one-hot vector of 10,000
# numbers of 4 bytes each? And how many if each id becomes a vector of 16 numbers, as in the next chapter?

# %% [markdown] lang="ko"
# ## 얼마나 들까요?
#
# 신경망은 리뷰마다 id를 100개 읽습니다. id 하나를 숫자 10,000개의 원-핫 벡터로 바꾸고 숫자 하나에 4바이트를 쓰면
# 신경망은 몇 바이트를 읽게 될까요? 다음 장에서처럼 id 하나를 숫자 16개의 벡터로 바꾸면 어떨까요?

# %% check="times == 625"
max_len = 100
memory = {
    "ids": np.zeros(max_len, np.int32).nbytes,
    "vectors of 16 numbers": np.zeros((max_len, 16), np.float32).nbytes,
    "one-hot vectors": np.zeros((max_len, num_words), np.float32).nbytes,
}
for name, size in memory.items():
    all_of_them = size * len(corpus.train) / 1e9
    print(f"{name:<22} {size:>9,} bytes per review, {all_of_them:>6.2f} GB for all")
share = 1 / num_words
print(f"Of the numbers in the one-hot vectors, {1 - share:.2%} are 0.")
times = memory["one-hot vectors"] // memory["vectors of 16 numbers"]
print(f"They take {times} times the memory.")

# %% picture="memory" en="One-hot vectors of a review, and the bytes per review" ko="리뷰 하나의 원-핫 벡터와 리뷰당 바이트 수"
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.plot(review, np.arange(len(review)), "s", markersize=3, color="tab:blue")
left.set(
    xlim=(0, num_words),
    xlabel="entry of the vector",
    ylabel="word of the review",
    title="Where the ones are",
)
left.invert_yaxis()
right.barh(
    list(memory), list(memory.values()), color=["0.6", "tab:blue", "tab:red"]
)
right.set(
    xscale="log",
    xlim=(100, 1e8),
    xlabel="bytes per review (logarithmic)",
    title="Memory",
)
for position, size in enumerate(memory.values()):
    right.text(size * 1.3, position, f"{size:,}", va="center")

# %% [markdown] lang="en"
# The left picture shows the review above: 25 ids, one dot each. Everywhere else the entries are 0, and they take
# memory, too. One-hot vectors take 625 times the memory of vectors of 16 numbers.
#
# ## Is it worth the memory?
#
# The original tutorial has a network of this kind, too. To find out whether it is better, train it, and then train the
# network with short vectors. Three epochs and 500 ids are enough for this. With 10,000 ids the one-hot network would
# have much more to multiply. Even so it takes a minute on some backends.

# %% [markdown] lang="ko"
# 왼쪽 그림은 위에서 본 리뷰를 나타냅니다. id 25개가 점 하나씩으로 찍혀 있습니다. 나머지 성분은 모두 0이며, 이 성분들도
# 메모리를 차지합니다. 원-핫 벡터는 숫자 16개의 벡터가 쓰는 메모리의 625배를 씁니다.
#
# ## 그만한 메모리를 쓸 가치가 있을까요?
#
# 원래 튜토리얼에도 이런 신경망이 나옵니다. 더 나은지 알아보기 위해 이 신경망을 훈련하고, 이어서 짧은 벡터를 쓰는
# 신경망을 훈련합니다. 여기에는 세 에포크와 id 500개로 충분합니다. id를 10,000개 쓰면 원-핫 신경망의 곱셈이 훨씬
# 많아집니다. 그렇게 줄여도 백엔드에 따라서는 일 분쯤 걸립니다.

# %% check=["parameters == {'one_hot': 4081, 'embedding': 8257}", "min(accuracies.values()) > 0.7"]
parameters, accuracies = {}, {}
for encoder in ("one_hot", "embedding"):
    recipe = imdb_rnn.Recipe.tutorial(num_words=500, encoder=encoder, epochs=3)
    training = imdb_rnn.train(corpus, recipe=recipe, progress=False)
    parameters[encoder] = training.classifier.model.count_params()
    accuracies[encoder] = training.manifest.test_accuracy
    print(f"{encoder:<10} {parameters[encoder]:,} parameters,", end=" ")
    print(f"test accuracy {accuracies[encoder]:.3f}")

# %% [markdown] lang="en"
# Both learn to tell positive reviews from negative ones, and about equally well. The long vectors bring no advantage.
#
# There is a reason. The first thing that the network does with a one-hot vector is to multiply it by a matrix of
# weights. Such a product picks one row of the matrix. So the vector is not needed: the row can be picked by its id.

# %% [markdown] lang="ko"
# 둘 다 긍정적인 리뷰와 부정적인 리뷰를 구별하게 되고, 성능도 비슷합니다. 긴 벡터를 써서 나아지는 것은 없습니다.
#
# 여기에는 까닭이 있습니다. 신경망은 원-핫 벡터에 맨 먼저 가중치 행렬을 곱합니다. 이 곱은 행렬에서 행 하나를 골라낼
# 뿐입니다. 그러므로 벡터 없이 id로 바로 행을 고를 수 있습니다.

# %% check="np.array_equal(by_product, by_id)"
matrix = np.random.default_rng(0).normal(size=(num_words, 16)).astype(np.float32)
by_product = one_hot @ matrix
by_id = matrix[ids]
print("the same rows:", np.array_equal(by_product, by_id))

# %% [markdown] lang="en"
# A layer that picks rows by ids is an embedding. [The next chapter](2-embedding.md) looks at its numbers.

# %% [markdown] lang="ko"
# 이렇게 id로 행을 고르는 층이 임베딩입니다. [다음 장](2-embedding.md)에서 그 숫자들을 살펴봅니다.
