# %% [markdown] lang="en"
# # 6. Predicting, and why the tokenization must be the same
#
# The model is trained and saved. Now it reads reviews that somebody types. Between the text and the model, a small
# piece of code turns words into ids. If it is not exactly that of the training, no error is raised, but the scores are
# worse. This chapter makes such mistakes on purpose, and measures what they cost.

# %% [markdown] lang="ko"
# # 6. 예측, 그리고 토큰화가 같아야 하는 까닭
#
# 모델을 훈련하고 저장했습니다. 이제 누군가 입력한 리뷰를 읽습니다. 글과 모델 사이에는 단어를 id로 바꾸는 작은 코드가
# 있습니다. 이 코드가 훈련할 때와 정확히 같지 않으면, 오류는 나지 않지만 점수가 나빠집니다. 이 장에서는 일부러 그런
# 실수를 해 보고 그 대가를 재어 봅니다.

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

# %%
import string

import keras
import matplotlib.pyplot as plt

import imdb_rnn

plt.rcParams.update(
    {"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False}
)

corpus = imdb_rnn.load_reviews("synthetic")
training = imdb_rnn.train(corpus, recipe=imdb_rnn.Recipe.tutorial(), progress=False)
classifier = training.classifier
print(f"test accuracy: {training.manifest.test_accuracy:.3f}")

# %% [markdown] lang="en"
# ## Predict as in the tutorial
#
# The tutorial prints the first 30 characters of a review, an emoji, the label and its probability.

# %% [markdown] lang="ko"
# ## 튜토리얼처럼 예측하기
#
# 튜토리얼은 리뷰의 처음 30글자, 이모지, 레이블과 그 확률을 출력합니다.

# %%
texts = [
    "A wonderful film with a great cast. I loved it.",
    "Funny, touching and superb from start to finish.",
    "What a waste of time. The story is stupid.",
    "Dull and boring. I would not recommend it.",
]


def show(text: str) -> float:
    score = classifier.predict_review(text).score
    label = (
        f"😀 positive {score:.1%}"
        if score > 0.5
        else f"💥 negative {1 - score:.1%}"
    )
    print(f"{text[:30]}…  {label}")
    return score


scores = [show(text) for text in texts]

# %% [markdown] lang="en"
# ## What the model reads
#
# The text becomes words, and the words become ids. In the training, all punctuation marks except the apostrophe
# separated words, and letters were in lower case. The same must happen here.

# %% [markdown] lang="ko"
# ## 모델이 읽는 것
#
# 글은 단어가 되고 단어는 id가 됩니다. 훈련할 때에는 아포스트로피를 뺀 모든 문장 부호에서 단어를 나누었고, 글자는
# 소문자였습니다. 여기에서도 똑같이 해야 합니다.

# %%
vocabulary = classifier.vocabulary
print(imdb_rnn.tokenize(texts[0]))
print(vocabulary.encode(texts[0]))

# %% [markdown] lang="en"
# Compare the function of the original tutorial. It converts the text to lower case, but splits it only at spaces. The
# words "cast." and "it." with their full stops are not in the vocabulary, and become 0.

# %% [markdown] lang="ko"
# 원래 튜토리얼의 함수와 견주어 봅니다. 소문자로 바꾸기는 하지만 공백에서만 나눕니다. 마침표가 붙은 "cast."와 "it."은
# 어휘에 없으므로 0이 됩니다.

# %% check="ids.count(0) == 2"
ranks = {word: i - 3 for word, i in vocabulary.word_index.items()}


def of_the_tutorial(text: str) -> list[int]:
    return [1, *(ranks.get(word, -3) + 3 for word in text.lower().split())]


ids = of_the_tutorial(texts[0])
print(texts[0].lower().split())
print(ids)

# %% [markdown] lang="en"
# ## Measure it
#
# Does it matter? Four texts are too few to tell. So take the texts of 10,000 test reviews from the module that makes
# them up, and turn them into ids in several ways. Each way but the first contains one mistake:
#
# - split at spaces only, as above;
# - capital letters are kept, so that "The" is unknown;
# - the padding comes after the words, not before them;
# - ranks are used as ids, so that the id of every word is too small by 3;
# - ids begin at another number, so that the id of every word is too large by 1.

# %% [markdown] lang="ko"
# ## 재어 보기
#
# 이것이 중요할까요? 글 네 개만으로는 알 수 없습니다. 그래서 리뷰를 지어내는 모듈에서 테스트 리뷰 10,000개의 글을 가져와
# 여러 방법으로 id로 바꾸어 봅니다. 첫 번째를 뺀 모든 방법에는 실수가 하나씩 들어 있습니다.
#
# - 위에서처럼 공백에서만 나눕니다.
# - 대문자를 그대로 두어 "The"가 모르는 단어가 됩니다.
# - 패딩을 단어 앞이 아니라 뒤에 붙입니다.
# - 순위를 id로 써서 모든 단어의 id가 3만큼 작습니다.
# - id가 다른 수에서 시작해 모든 단어의 id가 1만큼 큽니다.

# %% check="accuracy['as in the training'] > 0.8"
from imdb_rnn.corpora.synthetic import make_texts

_, test = make_texts()
count = 10_000
reviews, labels = test.texts[:count], test.labels[:count]


def accuracy_of(sequences: list[list[int]], padding: str = "pre") -> float:
    rows = keras.utils.pad_sequences(sequences, maxlen=100, padding=padding)
    return float(((classifier.probabilities(rows) > 0.5) == (labels == 1)).mean())


def with_capitals(text: str) -> list[int]:
    return [
        1,
        *(
            vocabulary.word_index.get(word.strip(string.punctuation), 2)
            for word in text.split()
        ),
    ]


def shifted(sequences: list[list[int]], by: int) -> list[list[int]]:
    return [[i + by if i > 3 else i for i in ids] for ids in sequences]


right = [vocabulary.encode(text) for text in reviews]
accuracy = {
    "as in the training": accuracy_of(right),
    "split at spaces only": accuracy_of(
        [of_the_tutorial(text) for text in reviews]
    ),
    "capitals kept": accuracy_of([with_capitals(text) for text in reviews]),
    "padding behind": accuracy_of(right, padding="post"),
    "ids too small by 3": accuracy_of(shifted(right, -3)),
    "ids too large by 1": accuracy_of(shifted(right, 1)),
}
best = accuracy["as in the training"]
for name, value in accuracy.items():
    print(
        f"{name:<22} accuracy {value:.3f}, points lost: {100 * (best - value):4.1f}"
    )

# %% picture="mistakes" check=["best - accuracy['split at spaces only'] > 0.05", "max(list(accuracy.values())[-2:]) < 0.55", "best - max(list(accuracy.values())[1:]) > 0.005"] en="Accuracy with each mistake" ko="실수별 정확도"
figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
axes.barh(
    list(accuracy), list(accuracy.values()), color=["tab:green"] + ["tab:red"] * 5
)
axes.axvline(0.5, color="0.3", linestyle="--")
axes.invert_yaxis()
axes.set(
    xlabel="accuracy on 10,000 test reviews (dashed: tossing a coin)", xlim=(0, 1)
)
plt.show()

# %% [markdown] lang="en"
# Every mistake costs accuracy, and none of them raises an error. With shifted ids the network reads other words, and is
# no better than tossing a coin. With the words split at spaces only, more than 5 points of accuracy are lost: the words
# before a comma or a full stop are unknown, and so is the last word of every review.
#
# These numbers were measured on the made-up reviews. On other texts they will be different.
#
# So the settings belong to the model, and one piece of code should read texts for both training and prediction. This
# library works this way. It also reads what people type, such as curly quotation marks, dashes and emoji.

# %% [markdown] lang="ko"
# 모든 실수가 정확도를 떨어뜨리지만, 어느 것도 오류를 내지 않습니다. id가 밀리면 신경망은 다른 단어를 읽게 되고 동전
# 던지기보다 나을 것이 없습니다. 공백에서만 나누면 정확도가 5포인트 넘게 떨어집니다. 쉼표나 마침표 앞의 단어가 모르는
# 단어가 되고, 모든 리뷰의 마지막 단어도 그렇게 되기 때문입니다.
#
# 이것은 지어낸 리뷰에서 잰 값입니다. 다른 글에서는 다른 값이 나올 것입니다.
#
# 그러므로 설정은 모델에 딸려 있어야 하고, 훈련과 예측에서 글을 읽는 코드는 하나여야 합니다. 이 라이브러리는 그렇게
# 합니다. 둥근 따옴표, 줄표, 이모지처럼 사람들이 실제로 입력하는 글자도 읽습니다.

# %% check="same"
typed = "“A wonderful film” — I loved it … 😀"
plain = "a wonderful film i loved it"
same = (
    classifier.predict_review(typed).score == classifier.predict_review(plain).score
)
print(imdb_rnn.tokenize(plain))
print(vocabulary.encode_typed(typed))
print(vocabulary.encode_typed(plain))
print("the same score:", same)

# %% [markdown] lang="en"
# The model reads texts correctly now. [The next chapter](7-short-reviews.md) looks at those that it gets wrong anyway.

# %% [markdown] lang="ko"
# 이제 모델은 글을 바르게 읽습니다. [다음 장](7-short-reviews.md)에서는 그래도 틀리는 리뷰를 살펴봅니다.
