# %% [markdown] lang="en"
# # 2. The embedding and its 160,048 numbers
#
# The network of this tutorial has 160,257 numbers to learn, and 160,048 of them are in its first layer, the embedding.
# It is a table with a row of 16 numbers for each id. This chapter reads the table before and after training.

# %% [markdown] lang="ko"
# # 2. 임베딩과 숫자 160,048개
#
# 이 튜토리얼의 신경망이 배우는 숫자는 160,257개이고, 그 가운데 160,048개가 첫 번째 층인 임베딩에 있습니다. 임베딩은
# id마다 숫자 16개로 된 행이 하나씩 있는 표입니다. 이 장에서는 훈련 전과 훈련 후의 표를 읽어 봅니다.

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

# %% check=["table.shape == (10_003, 16)", "table.size == 160_048", "model.count_params() == 160_257"]
import matplotlib.pyplot as plt
import numpy as np

import imdb_rnn

plt.rcParams.update(
    {"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False}
)

model = imdb_rnn.build_model()
for layer in model.layers:
    print(f"{layer.name:<12} {layer.count_params():>8,} numbers")
print(f"{'all layers':<12} {model.count_params():>8,} numbers")

model.set_weights(imdb_rnn.initial_weights(model, seed=42))
table = model.get_weights()[0]
rows, columns = table.shape
print(f"the table of the embedding: {rows:,} rows of {columns} numbers")
print(f"ids below num_words: {imdb_rnn.Recipe.tutorial().num_words:,}")

# %% [markdown] lang="en"
# The table has 10,003 rows: one for each of the 10,000 ids below `num_words`, and three that the tutorial adds because
# the id of a word is its rank plus 3. The last three rows are never used.
#
# Here are the rows of three words. They are random numbers between -0.05 and 0.05. They are drawn in NumPy, so a seed
# gives the same rows on every backend.

# %% [markdown] lang="ko"
# 표에는 행이 10,003개 있습니다. `num_words`보다 작은 id 10,000개에 하나씩 있고, 단어의 id가 순위에 3을 더한 값이어서
# 튜토리얼이 세 개를 덧붙입니다. 마지막 세 행은 쓰이지 않습니다.
#
# 다음은 세 단어의 행입니다. -0.05와 0.05 사이의 난수입니다. NumPy로 뽑으므로, 시드가 같으면 모든 백엔드에서 같은 행이
# 나옵니다.

# %% check="abs(table).max() <= 0.05"
corpus = imdb_rnn.load_reviews("synthetic")
word_index = corpus.vocabulary.word_index
np.set_printoptions(precision=3, suppress=True, linewidth=80)
for word in ("good", "great", "bad"):
    print(f"{word}, id {word_index[word]}:")
    print(table[word_index[word]])
print(f"smallest and largest number: {table.min():.2f}, {table.max():.2f}")

# %% [markdown] lang="en"
# ## Train
#
# Training changes the numbers so that the network predicts the labels of the reviews better. [Chapter 4](4-training.md)
# looks at how. Here only the result matters. The training starts from the same table, because its seed is 42 as well.

# %% [markdown] lang="ko"
# ## 훈련
#
# 훈련은 신경망이 리뷰의 레이블을 더 잘 예측하도록 숫자들을 바꿉니다. 그 방법은 [4장](4-training.md)에서 살펴봅니다.
# 여기서는 결과만 봅니다. 시드가 똑같이 42이므로 훈련은 같은 표에서 시작합니다.

# %% check="training.manifest.test_accuracy > 0.75"
training = imdb_rnn.train(
    corpus, recipe=imdb_rnn.Recipe.tutorial(seed=42), progress=False
)
trained = training.classifier.weights()[0]
print(f"test accuracy: {training.manifest.test_accuracy:.3f}")
changed = (trained != table).any(axis=1)
print(f"{changed.sum():,} rows have changed, {(~changed).sum():,} have not")
print(f"the vocabulary has {len(corpus.vocabulary):,} words")

# %% [markdown] lang="en"
# Only the rows of ids that occur in the training reviews have changed. The made-up reviews use few words, so most of
# the table is not used. With the IMDB reviews nearly every row is used.
#
# ## Which words are neighbours?
#
# Two rows are similar if they point in the same direction, that is, if their cosine is near 1.

# %% [markdown] lang="ko"
# 훈련 리뷰에 나오는 id의 행만 바뀌었습니다. 지어낸 리뷰는 단어를 적게 쓰므로 표의 대부분은 쓰이지 않습니다. IMDB 리뷰로
# 훈련하면 거의 모든 행이 쓰입니다.
#
# ## 어떤 단어가 이웃일까요?
#
# 두 행이 같은 방향을 가리키면, 곧 코사인이 1에 가까우면 두 행은 비슷합니다.

# %%
FREQUENT = 400  # rarer words have learned little


def neighbours(rows: np.ndarray, word: str) -> list[str]:
    rows = rows[4 : FREQUENT + 4]  # the first words begin at id 4
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = rows @ rows[word_index[word] - 4]
    return [corpus.vocabulary.words[i] for i in np.argsort(-cosines)[1:6]]


for word in ("wonderful", "terrible"):
    print(f"{word}, before: {', '.join(neighbours(table, word))}")
    print(f"{word}, after:  {', '.join(neighbours(trained, word))}")

# %% [markdown] lang="en"
# Before the training, the neighbours are there by chance. Afterwards, most of them are words that occur in the same
# kind of reviews. The network was not told what a word means; it has only seen labels. So it can learn only what the
# labels tell: to this network, words are similar if they change the score in a similar way.
#
# ## A picture of the table
#
# Vectors of 16 numbers cannot be drawn. Principal component analysis finds the two directions in which the rows differ
# most. It takes three steps: subtract the mean, compute a singular value decomposition, and keep two columns.

# %% [markdown] lang="ko"
# 훈련 전의 이웃은 우연히 정해진 것입니다. 훈련 후의 이웃은 대부분 같은 종류의 리뷰에 나오는 단어들입니다. 신경망에
# 단어의 뜻을 알려 준 적은 없으며, 신경망은 레이블만 보았습니다. 그래서 레이블로 알 수 있는 것만 배울 수 있습니다. 이
# 신경망에서는 점수를 비슷하게 바꾸는 단어가 서로 비슷한 단어입니다.
#
# ## 표를 그림으로
#
# 숫자 16개로 된 벡터는 그릴 수 없습니다. 주성분 분석은 행들이 가장 크게 달라지는 방향 두 개를 찾습니다. 평균을 빼고,
# 특잇값 분해를 하고, 두 열만 남기는 세 단계로 할 수 있습니다.

# %%
positive = ["wonderful", "excellent", "superb", "perfect", "loved"]
negative = ["terrible", "boring", "dull", "stupid", "waste"]


def two_columns(rows: np.ndarray) -> tuple[np.ndarray, float]:
    centred = rows - rows.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    # A direction and its opposite are equally good. So choose:
    # "wonderful" is on the right, and "loved" is below.
    directions[0] *= np.sign(centred[word_index["wonderful"] - 4] @ directions[0])
    directions[1] *= -np.sign(centred[word_index["loved"] - 4] @ directions[1])
    return centred @ directions[:2].T, sizes[0] ** 2 / (sizes**2).sum()


before, share_before = two_columns(table[4 : FREQUENT + 4])
after, share_after = two_columns(trained[4 : FREQUENT + 4])
print(
    f"share of the first direction: {share_before:.2f} before, {share_after:.2f} after"
)

# %% [markdown] lang="en"
# Each dot is one of the 400 most frequent words.

# %% [markdown] lang="ko"
# 점 하나는 가장 자주 나오는 단어 400개 가운데 하나입니다.

# %% picture="embedding" check=["separated", "share_after > 2 * share_before"] en="Words in two dimensions, before and after training" ko="훈련 전과 훈련 후의 단어를 2차원에 그린 그림"
figure, panels = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for axes, points, title in zip(
    panels, (before, after), ("before training", "after training"), strict=True
):
    axes.scatter(*points.T, s=6, color="0.8")
    for names, colour in ((positive, "tab:green"), (negative, "tab:red")):
        for word in names:
            x, y = points[word_index[word] - 4]
            axes.plot(x, y, "o", markersize=4, color=colour)
            axes.annotate(
                word,
                (x, y),
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=8,
                color=colour,
            )
    axes.set(title=title, xlabel="first direction", ylabel="second direction")

first = {word: after[word_index[word] - 4, 0] for word in positive + negative}
separated = min(first[word] for word in positive) > max(
    first[word] for word in negative
)
print(
    "all five positive words lie to the right of all five negative ones:", separated
)

# %% [markdown] lang="en"
# Before the training, the words form a cloud. Afterwards, one direction stands out, and it goes from negative to
# positive. Most other words are in the middle. The network has a single question to answer, so one direction matters
# most.
#
# So far, each word was considered alone. [The next chapter](3-recurrent-layer.md) reads them in order.

# %% [markdown] lang="ko"
# 훈련 전의 단어들은 구름처럼 흩어져 있습니다. 훈련 후에는 한 방향이 두드러지고, 그 방향은 부정에서 긍정으로 이어집니다.
# 다른 단어는 대부분 가운데에 있습니다. 신경망이 답할 질문이 하나뿐이므로 한 방향이 가장 중요합니다.
#
# 여기까지는 단어를 하나씩 따로 살펴보았습니다. [다음 장](3-recurrent-layer.md)에서는 단어를 차례대로 읽습니다.
