# %% [markdown] lang="en"
# # 5. Saving the model and its settings
#
# A saved model alone is not enough. It reads ids, and whoever loads it must know which word has which id. So the
# tutorial saves two files: the model, and the settings. This chapter opens both, and looks at what else is in the
# folder.

# %% [markdown] lang="ko"
# # 5. 모델과 설정 저장하기
#
# 모델만 저장해서는 충분하지 않습니다. 모델은 id를 읽으므로, 모델을 불러오는 사람은 어느 단어의 id가 무엇인지 알아야
# 합니다. 그래서 튜토리얼은 모델과 설정, 두 파일을 저장합니다. 이 장에서는 두 파일을 열어 보고, 폴더에 그 밖에 무엇이
# 있는지 살펴봅니다.

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

# %% check="{'best-embedding-model.keras', 'best-embedding-config.json', 'manifest.json'} <= {*names}"
import json
import shutil

import keras
from IPython.display import Image, display

import imdb_rnn

folder = Path("my-model")
shutil.rmtree(
    folder, ignore_errors=True
)  # what an earlier run of this notebook has left
corpus = imdb_rnn.load_reviews("synthetic")
training = imdb_rnn.train(
    corpus, out=folder, recipe=imdb_rnn.Recipe.tutorial(epochs=3), progress=False
)
names = sorted(path.name for path in folder.iterdir())
print(*names, sep="\n")

# %% [markdown] lang="en"
# ## The two files of the tutorial
#
# `best-embedding-model.keras` is a plain Keras file. `best-embedding-config.json` holds what the model does not:

# %% [markdown] lang="ko"
# ## 튜토리얼의 두 파일
#
# `best-embedding-model.keras`는 보통의 Keras 파일입니다. `best-embedding-config.json`에는 모델에 없는 것이 들어
# 있습니다.

# %% check=["config['word_index']['the'] == 1", "(config['max_len'], config['num_words']) == (100, 10_000)"]
config = json.loads(
    (folder / "best-embedding-config.json").read_text(encoding="utf-8")
)
print("max_len:", config["max_len"])
print("num_words:", config["num_words"])
print("word_index:", dict(list(config["word_index"].items())[:6]), "…")

# %% [markdown] lang="en"
# `word_index` holds ranks, as in the tutorial: the most frequent word has the rank 1. The id of a word is its rank plus
# 3, because 0, 1 and 2 have meanings of their own and 3 is not used. If ranks are used as ids, no error is raised; the
# network only reads other words. [The next chapter](6-predicting.md) measures what that costs.
#
# ## Keras alone can open it
#
# The two files are enough, without this library and on any backend:

# %% [markdown] lang="ko"
# `word_index`에는 튜토리얼처럼 순위가 들어 있습니다. 가장 자주 나오는 단어의 순위가 1입니다. 0, 1, 2에는 저마다 뜻이
# 있고 3은 쓰이지 않으므로, 단어의 id는 순위에 3을 더한 값입니다. 순위를 id로 잘못 써도 오류는 나지 않습니다. 신경망이
# 다른 단어를 읽을 뿐입니다. 그 대가는 [다음 장](6-predicting.md)에서 재어 봅니다.
#
# ## Keras만으로 열기
#
# 이 라이브러리가 없어도, 어느 백엔드에서나 두 파일이면 충분합니다.

# %% check="abs(by_keras - by_library) < 1e-5"
text = "an excellent film and i loved it"
ids = [1, *(config["word_index"][word] + 3 for word in text.split())]
rows = keras.utils.pad_sequences([ids], maxlen=config["max_len"])
model = keras.models.load_model(folder / "best-embedding-model.keras")
by_keras = float(model.predict(rows, verbose=0)[0, 0])
by_library = imdb_rnn.Classifier.load(folder).predict_review(text).score
print(f"score by Keras alone:   {by_keras:.5f}")
print(f"score by the library:   {by_library:.5f}")

# %% [markdown] lang="en"
# ## The record of the training
#
# `manifest.json` says how the model was made: with which versions, on which backend, from which reviews and with which
# settings. It also says how good the model is. The command `imdb-rnn reproduce` trains the model again from this
# record, and compares the results.

# %% [markdown] lang="ko"
# ## 훈련의 기록
#
# `manifest.json`에는 모델이 어떻게 만들어졌는지가 적혀 있습니다. 어떤 버전과 백엔드에서 어떤 리뷰와 설정으로
# 훈련했는지를 알 수 있습니다. 모델의 성능이 얼마나 좋은지도 적혀 있습니다. `imdb-rnn reproduce` 명령은 이 기록대로
# 모델을 다시 훈련하고 결과를 비교합니다.

# %%
manifest = training.manifest
print("backend:", manifest.backend)
print("reviews:", manifest.source)
print(
    "settings:",
    {
        name: manifest.recipe[name]
        for name in ("num_words", "max_len", "epochs", "batch_size", "seed")
    },
)
print("best epoch:", manifest.best_epoch)
print(f"test accuracy: {manifest.test_accuracy:.3f}")

# %% [markdown] lang="en"
# `history.json` and `history.png` show the loss curve:

# %% [markdown] lang="ko"
# `history.json`과 `history.png`는 손실 곡선을 보여 줍니다.

# %% picture="history" en="The loss curve that is saved with the model" ko="모델과 함께 저장된 손실 곡선"
display(Image(folder / "history.png"))

# %% [markdown] lang="en"
# ## A damaged file is refused
#
# The manifest also holds a hash of each file. If two letters in the settings are swapped, the folder is not opened any
# more. Without this check, the model would read other words, and no error would be raised.

# %% [markdown] lang="ko"
# ## 손상된 파일은 열지 않습니다
#
# 매니페스트에는 각 파일의 해시도 들어 있습니다. 설정에서 글자 두 개의 자리만 바꾸어도 폴더를 더는 열 수 없습니다.
# 이렇게 확인하지 않으면 모델이 다른 단어를 읽게 되고 오류도 나지 않을 것입니다.

# %% check="refused"
damaged = Path("damaged-model")
shutil.rmtree(damaged, ignore_errors=True)
shutil.copytree(folder, damaged)
settings = damaged / "best-embedding-config.json"
settings.write_text(
    settings.read_text(encoding="utf-8").replace('"the"', '"teh"'), encoding="utf-8"
)
refused = False
try:
    imdb_rnn.Classifier.load(damaged)
except imdb_rnn.BundleError as error:
    refused = True
    print(error)

# %% [markdown] lang="en"
# [What is saved](../../saved-folder.md) describes every file, and what happens if a training is interrupted.

# %% [markdown] lang="ko"
# 모든 파일에 대한 설명과, 훈련이 중단되면 어떻게 되는지는 [What is saved](../../saved-folder.md)에 있습니다.
