# %% [markdown] lang="en"
# # 8. The same model on another backend
#
# JAX, PyTorch and TensorFlow are three frameworks that were developed separately. Keras runs one model on each of them.
# Is it the same model then? This chapter checks step by step: the start, the scores, and the saved folder.

# %% [markdown] lang="ko"
# # 8. 다른 백엔드에서 같은 모델
#
# JAX, PyTorch, TensorFlow는 따로 개발된 세 가지 프레임워크입니다. Keras를 쓰면 하나의 모델을 셋 모두에서 실행할 수
# 있습니다. 그러면 그것은 같은 모델일까요? 이 장에서는 출발점, 점수, 저장된 폴더를 차례로 확인합니다.

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
# ## The same start
#
# A training begins with random numbers, and every backend has its own generator. The same seed would give different
# numbers on each. So this library draws in NumPy: the initial numbers, and the order of the reviews in each epoch. The
# cell below prints a fingerprint of the embedding at the start. It is the same on all backends: run this chapter on
# another one to compare.

# %% [markdown] lang="ko"
# ## 같은 출발점
#
# 훈련은 난수로 시작하는데, 백엔드마다 난수 생성기가 다릅니다. 시드가 같아도 백엔드마다 다른 숫자가 나올 것입니다.
# 그래서 이 라이브러리는 처음의 숫자와 에포크마다의 리뷰 순서를 NumPy로 뽑습니다. 아래 셀은 출발할 때 임베딩의 지문을
# 출력합니다. 지문은 모든 백엔드에서 같습니다. 다른 백엔드에서 이 장을 실행해 비교해 보십시오.

# %% check="fingerprint == '0902956e521791e9'"
import hashlib
import json
import shutil

import matplotlib.pyplot as plt
import numpy as np

import imdb_rnn

plt.rcParams.update(
    {"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False}
)

model = imdb_rnn.build_model()
start = imdb_rnn.initial_weights(model, seed=42)
fingerprint = hashlib.sha256(start[0].tobytes()).hexdigest()[:16]
print("embedding at the start:", start[0].shape, fingerprint)

# %% [markdown] lang="en"
# ## The same scores
#
# Train the model, and let the backend compute the scores of all test reviews. Then compute them a second time, in
# NumPy, by the equations of [chapter 3](3-recurrent-layer.md). `Classifier` can do both: `probabilities` uses the
# backend, `logits` computes in NumPy.

# %% [markdown] lang="ko"
# ## 같은 점수
#
# 모델을 훈련하고, 백엔드로 모든 테스트 리뷰의 점수를 계산합니다. 그런 다음 [3장](3-recurrent-layer.md)의 식을 따라
# NumPy로 한 번 더 계산합니다. `Classifier`로 두 가지를 다 할 수 있습니다. `probabilities`는 백엔드로 계산하고,
# `logits`는 NumPy로 계산합니다.

# %% check=["difference < 1e-5", "labels_differ <= 2"]
folder = Path("my-model")
shutil.rmtree(
    folder, ignore_errors=True
)  # what an earlier run of this notebook has left
corpus = imdb_rnn.load_reviews("synthetic")
classifier = imdb_rnn.train(
    corpus, out=folder, recipe=imdb_rnn.Recipe.tutorial(), progress=False
).classifier

of_backend = classifier.probabilities(
    classifier.preprocessing.last_rows(corpus.test)
)
of_numpy = 1 / (1 + np.exp(-classifier.logits(corpus.test)))
differences = np.abs(of_backend - of_numpy)
difference, labels_differ = (
    differences.max(),
    int(((of_backend > 0.5) != (of_numpy > 0.5)).sum()),
)
print(
    f"{len(differences):,} reviews, scores from {of_numpy.min():.2f} to {of_numpy.max():.2f}"
)
print(f"largest difference between {backend} and NumPy: {difference:.1e}")
print(f"reviews with another label: {labels_differ}")

# %% picture="differences" en="How far the scores of the backend lie from NumPy's" ko="백엔드의 점수와 NumPy의 점수의 차이"
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.hist(
    np.maximum(differences, 1e-10), bins=np.logspace(-10, 0, 60), color="tab:blue"
)
axes.axvline(1e-5, color="tab:red", linestyle="--", label="0.00001")
axes.set(
    xscale="log",
    xlabel="difference of the score (0 is drawn as 1e-10)",
    ylabel="reviews",
)
axes.legend()
plt.show()

# %% [markdown] lang="en"
# The scores are between 0 and 1, and differ by less than 0.00001. Numbers of 32 bits have about seven digits, and two
# programs that add up in another order round differently in the last of them. Differences of this size come from
# rounding.
#
# ## The same folder
#
# The manifest names the backend that a model was trained on, but every backend can read the folder. Keras uses one
# backend per process, so the cell below starts a new process for each. NumPy is always among them: it reads the folder
# without Keras. Other backends are included if they are installed.

# %% [markdown] lang="ko"
# 점수는 0과 1 사이에 있고, 차이는 0.00001보다 작습니다. 32비트 숫자에는 자릿수가 일곱 개쯤 있고, 더하는 순서가 다른 두
# 프로그램은 마지막 자리에서 다르게 반올림합니다. 이 정도의 차이는 반올림에서 생깁니다.
#
# ## 같은 폴더
#
# 매니페스트에는 모델을 훈련한 백엔드가 적혀 있지만, 폴더는 어느 백엔드에서나 읽을 수 있습니다. Keras는 프로세스마다
# 백엔드를 하나만 쓰므로, 아래 셀은 백엔드마다 프로세스를 새로 시작합니다. NumPy는 언제나 들어 있으며, Keras 없이 폴더를
# 읽습니다. 다른 백엔드는 설치되어 있으면 함께 실행합니다.

# %% check=["len(scores) == 1 + len(found)", "spread < 1e-5", "not with_keras['numpy alone']"]
text = "The story is thin, but the cast is superb and I loved it."
PROGRAM = """
import json, sys
import imdb_rnn

classifier = imdb_rnn.Classifier.load(sys.argv[1])
if sys.argv[3] == "numpy alone":
    score = classifier.predict_review(sys.argv[2]).score
else:
    ids = classifier.vocabulary.encode_typed(sys.argv[2])
    reviews = imdb_rnn.EncodedReviews.from_sequences([ids])
    rows = classifier.preprocessing.last_rows(reviews)
    score = float(classifier.probabilities(rows)[0])
print(json.dumps([score, "keras" in sys.modules]))
"""
scores, with_keras = {}, {}
for name in ("numpy alone", *found):
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend if name == "numpy alone" else name,
    }
    command = [sys.executable, "-c", PROGRAM, str(folder), text, name]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    scores[name], with_keras[name] = json.loads(done.stdout.splitlines()[-1])
    print(f"{name:<12} score {scores[name]:.5f}, Keras loaded: {with_keras[name]}")
spread = max(scores.values()) - min(scores.values())
print(f"the same within 0.00001: {spread < 1e-5}")

# %% [markdown] lang="en"
# ## What is not the same
#
# When two backends train from the same start with the same batches, the results are not the same to the last digit. A
# step rounds, the next step begins from the rounded numbers, and over many steps the difference grows. The two models
# are about equally good, but they are two models. [Do the backends agree?](../../agreement.md) measures each stage, and
# [Switch backends](../../another-backend.md) says how to train a model further on another backend.
#
# This is the end of the tutorial. It has shown where the numbers of the network begin, what they do with a word, and
# how they are learned, saved, read and checked. Next, you can train on [your own texts](../../own-texts.md).

# %% [markdown] lang="ko"
# ## 같지 않은 것
#
# 두 백엔드에서 같은 출발점과 같은 배치로 훈련해도 결과가 마지막 자리까지 같지는 않습니다. 한 단계에서 반올림하고, 다음
# 단계는 반올림한 숫자에서 시작하며, 많은 단계를 거치면서 차이가 커집니다. 두 모델은 성능이 거의 같지만 서로 다른
# 모델입니다. 계산의 각 단계에서 잰 차이는 [Do the backends agree?](../../agreement.md)에 있고, 모델을 다른 백엔드에서
# 더 훈련하는 방법은 [Switch backends](../../another-backend.md)에 있습니다.
#
# 튜토리얼은 여기까지입니다. 신경망의 숫자가 어디에서 시작하고, 단어로 무엇을 계산하며, 그 숫자를 어떻게 배우고,
# 저장하고, 읽고, 확인하는지 살펴보았습니다. 이제 [여러분의 글](../../own-texts.md)로 훈련해 볼 수 있습니다.
