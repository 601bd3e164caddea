# %% [markdown] lang="en"
# # 4. Training, the loss curve and early stopping
#
# Nearly all numbers of the network start at random; only the biases start at 0. Training changes them in small steps,
# so that the scores come closer to the labels. This chapter shows what "closer" means, what a step is, and when to
# stop.

# %% [markdown] lang="ko"
# # 4. 훈련, 손실 곡선, 조기 종료
#
# 신경망의 숫자는 거의 모두 난수로 시작하고, 편향만 0에서 시작합니다. 훈련은 점수가 레이블에 더 가까워지도록 숫자를
# 조금씩 바꿉니다. 이 장에서는 "가깝다"는 것이 무슨 뜻인지, 한 단계에서 무엇을 하는지, 언제 멈추어야 하는지를
# 살펴봅니다.

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
# ## The loss
#
# The network answers with a score between 0 and 1, which is read as the probability that the review is positive. The
# loss measures how wrong the answer is: it is the negative logarithm of the probability that the network gave to the
# right label. This is the binary cross-entropy.

# %% [markdown] lang="ko"
# ## 손실
#
# 신경망은 0과 1 사이의 점수로 답합니다. 이 점수를 리뷰가 긍정적일 확률로 봅니다. 손실은 그 답이 얼마나 틀렸는지를
# 나타내며, 신경망이 올바른 레이블에 매긴 확률에 로그를 취하고 부호를 바꾼 값입니다. 이것을 이진 교차 엔트로피라고
# 합니다.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np

import imdb_rnn

plt.rcParams.update(
    {"figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False}
)

for probability in (0.99, 0.9, 0.5, 0.1, 0.01):
    print(
        f"probability of the right label {probability:4}: loss {-np.log(probability):.3f}"
    )

# %% [markdown] lang="en"
# The loss of a confident right answer is small, that of a confident wrong answer is large. The loss of the answer 0.5
# is always 0.693.
#
# The loss of an untrained network is close to that. On the test reviews it is:

# %% [markdown] lang="ko"
# 자신 있게 맞힌 답은 손실이 작고, 자신 있게 틀린 답은 손실이 큽니다. 0.5라는 답의 손실은 언제나 0.693입니다.
#
# 훈련하지 않은 신경망의 손실이 이에 가깝습니다. 테스트 리뷰에 대한 손실은 다음과 같습니다.

# %% check="abs(loss - np.log(2)) < 0.05"
corpus = imdb_rnn.load_reviews("synthetic")
recipe = imdb_rnn.Recipe.tutorial()
model = imdb_rnn.build_model()
model.set_weights(imdb_rnn.initial_weights(model, seed=recipe.seed))

scores = model.predict(
    recipe.preprocessing.last_rows(corpus.test), batch_size=1000, verbose=0
)[:, 0]
right = np.where(corpus.test.labels == 1, scores, 1 - scores)
loss = -np.log(right).mean()
print(f"untrained: loss {loss:.3f}, accuracy {(right > 0.5).mean():.3f}")

# %% [markdown] lang="en"
# ## A step, and an epoch
#
# A step takes a batch of 64 reviews, computes for each of the 160,257 numbers whether the loss falls if the number
# grows or shrinks, and moves each a little in the direction in which the loss falls. The optimizer, Adam, decides how
# far. When all reviews to learn from have been used once, an epoch is over.
#
# A fifth of the training reviews are set aside for validation. The network never learns from them, so they show whether
# it has learned something that holds for reviews in general.

# %% [markdown] lang="ko"
# ## 단계와 에포크
#
# 한 단계에서는 리뷰 64개의 배치를 가져와, 숫자 160,257개 하나하나에 대해 숫자를 키우거나 줄이면 손실이 줄어드는지
# 계산하고, 각 숫자를 손실이 줄어드는 방향으로 조금씩 옮깁니다. 얼마나 옮길지는 옵티마이저인 Adam이 정합니다. 학습에
# 쓰는 리뷰를 모두 한 번씩 쓰면 한 에포크가 끝납니다.
#
# 훈련 리뷰의 오분의 일은 검증용으로 떼어 둡니다. 신경망은 이 리뷰로 배우지 않으므로, 다른 리뷰에도 두루 통하는 것을
# 배웠는지 이 리뷰로 알 수 있습니다.

# %%
learned = len(corpus.train) * 4 // 5
print(f"{model.count_params():,} numbers to learn")
print(
    f"{learned:,} reviews to learn from, {len(corpus.train) - learned:,} for validation"
)
print(
    f"batches of {recipe.batch_size}: {-(-learned // recipe.batch_size)} steps per epoch"
)
print(
    f"at most {recipe.epochs} epochs, or until {recipe.patience} bring no lower loss"
)

# %% [markdown] lang="en"
# These are the settings of the original tutorial. Now train. A Keras callback prints a line after each epoch.

# %% [markdown] lang="ko"
# 모두 원래 튜토리얼의 설정입니다. 이제 훈련합니다. Keras 콜백이 에포크가 끝날 때마다 한 줄씩 출력합니다.


# %% check=["training.manifest.test_accuracy > 0.8", "training.manifest.epochs < 20"]
class Line(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs):
        values = ", ".join(f"{name} {value:.3f}" for name, value in logs.items())
        print(f"epoch {epoch + 1}: {values}")


training = imdb_rnn.train(corpus, recipe=recipe, callbacks=[Line()], progress=False)
manifest = training.manifest
print(f"best epoch: {manifest.best_epoch} of {manifest.epochs}")
print(f"validation accuracy: {manifest.val_accuracy:.3f}")
print(f"test accuracy: {manifest.test_accuracy:.3f}")

# %% picture="curves" check=["history['loss'][-1] < history['val_loss'][-1]", "manifest.best_epoch == manifest.epochs - 3", "max(np.diff(history['loss'])) < 0"] en="Loss and accuracy over the epochs" ko="에포크에 따른 손실과 정확도"
history = training.history
epochs = np.arange(1, manifest.epochs + 1)
figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for axes, name in zip(panels, ("loss", "accuracy"), strict=True):
    axes.plot(epochs, history[name], "o-", label="training")
    axes.plot(epochs, history[f"val_{name}"], "o-", label="validation")
    axes.axvline(
        manifest.best_epoch,
        color="0.6",
        linestyle="--",
        zorder=0,
        label="best epoch",
    )
    axes.set(title=name, xlabel="epoch", xticks=epochs)
panels[0].axhline(
    np.log(2), color="0.8", linestyle=":", zorder=0, label="always 0.5"
)
panels[0].legend(fontsize=8)
plt.show()

# %% [markdown] lang="en"
# The training loss falls in every epoch. The validation loss falls, and then rises again: the network has begun to
# memorize the training reviews, which is called overfitting. With 160,257 numbers and 20,000 reviews this is to be
# expected.
#
# ## Early stopping
#
# So the training does not go on for 100 epochs. It waits 3 epochs for a lower validation loss, stops, and goes back to
# the numbers of the best epoch. The right number of epochs need not be known beforehand.
#
# Two remarks on the accuracy. In the made-up reviews one label in ten is wrong on purpose, so nine in ten is the best
# that any network can reach. And on the IMDB reviews this recipe depends on luck: some seeds learn nothing, as
# [Recipes](../../recipes.md) shows. [Chapter 7](7-short-reviews.md) returns to this.
#
# Before that, [the next chapter](5-saving.md) saves the result.

# %% [markdown] lang="ko"
# 훈련 손실은 에포크마다 줄어듭니다. 검증 손실은 줄어들다가 다시 커집니다. 신경망이 훈련 리뷰를 외우기 시작한 것이고,
# 이를 과대적합이라고 합니다. 숫자가 160,257개이고 리뷰가 20,000개이므로 예상할 수 있는 일입니다.
#
# ## 조기 종료
#
# 그래서 훈련은 100에포크를 다 채우지 않습니다. 검증 손실이 더 낮아지는지 3에포크를 기다려 보고, 멈춘 다음, 가장 좋았던
# 에포크의 숫자로 되돌아갑니다. 몇 에포크가 알맞은지 미리 알 필요가 없습니다.
#
# 정확도에 대해 두 가지를 덧붙입니다. 지어낸 리뷰에서는 레이블 열 개 가운데 하나가 일부러 틀려 있으므로, 어떤 신경망도
# 열 개 가운데 아홉 개를 넘게 맞힐 수는 없습니다. 그리고 IMDB 리뷰에서 이 레시피의 결과는 운에 달려 있습니다.
# [Recipes](../../recipes.md)에 나오듯이 어떤 시드에서는 아무것도 배우지 못합니다. 이 문제는
# [7장](7-short-reviews.md)에서 다시 다룹니다.
#
# 그 전에 [다음 장](5-saving.md)에서 결과를 저장합니다.
