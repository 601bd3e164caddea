"""What Keras imports and the library does not use is not imported, and still there for a user of Keras."""

import pytest

from backends_test.tests.backend.processes import Run
from imdb_rnn.backends import backend_name

# Prints which of the packages have been imported; pyplot is there before it is used, but not what it imports.
LOADED = """
import sys
names = ("sklearn", "scipy.stats", "matplotlib.style", "torch._dynamo")
print([name for name in names if name in sys.modules])
"""
TRAINING = """
import sys, imdb_rnn
from imdb_rnn.corpora.corpus import encode_texts
from imdb_rnn.corpora.synthetic import make_texts
corpus = encode_texts("synthetic", "few", *make_texts(200, 50), None)
imdb_rnn.train(corpus, sys.argv[1], imdb_rnn.Recipe.named(sys.argv[2], epochs=1), progress=False)
"""


def test_a_training_imports_neither_scikit_learn_nor_pyplot_nor_the_compiler_of_pytorch(run: Run, backend: str) -> None:
    """With the recipe `robust`, the soft labels need scikit-learn."""
    ran = run(TRAINING + LOADED, "model", "tutorial", KERAS_BACKEND=backend)
    assert ran.status == 0, ran.said
    assert ran.output == ["[]"]


def test_keras_alone_imports_them(run: Run, backend: str) -> None:
    ran = run("import keras" + LOADED, KERAS_BACKEND=backend)
    compiler = ["torch._dynamo"] if backend == "torch" else []
    assert ran.output == [str(["sklearn", "scipy.stats", "matplotlib.style", *compiler])]


def test_a_user_has_them_at_the_first_use(run: Run, backend: str) -> None:
    code = """
import imdb_rnn
imdb_rnn.build_model()
import inspect, keras, sys
import keras.wrappers
import matplotlib.pyplot
print(inspect.getmodule(imdb_rnn.train).__name__, "sklearn" in sys.modules)  # this asks all modules for their file
print("SKLearnRegressor" in dir(keras.wrappers), hasattr(keras.wrappers, "missing"))
print(issubclass(keras.wrappers.SKLearnClassifier, sys.modules["sklearn.base"].BaseEstimator))
print(callable(matplotlib.pyplot.plot), keras.visualization.plot_image_gallery.__globals__["plt"] is matplotlib.pyplot)
print([finder for finder in sys.meta_path if type(finder).__module__.startswith("imdb_rnn")])
"""
    ran = run(code, KERAS_BACKEND=backend)
    assert (ran.status, ran.output) == (0, ["imdb_rnn.training.fit False", "True False", "True", "True True", "[]"])


# Draws random numbers in a compiled function, which Keras must keep from PyTorch's compiler.
COMPILED = """
import keras, torch
def draw(x, seed):
    return x + keras.random.uniform((3,), seed=seed)
x = torch.zeros(3)
print(draw(x, keras.random.SeedGenerator(1)).tolist())
compiled = torch.compile(draw, backend="eager")
print(compiled(x, keras.random.SeedGenerator(1)).tolist(), "torch._dynamo" in sys.modules)
print(compiled(x, keras.random.SeedGenerator(2)).tolist())
"""


@pytest.mark.skipif(backend_name() != "torch", reason="only PyTorch has this compiler")
def test_functions_that_draw_random_numbers_can_be_compiled(run: Run) -> None:
    lazy = run("import sys, imdb_rnn\nimdb_rnn.build_model()" + LOADED + COMPILED, KERAS_BACKEND="torch")
    plain = run("import sys" + COMPILED, KERAS_BACKEND="torch")
    assert lazy.status == plain.status == 0, lazy.said
    assert lazy.output == ["[]", *plain.output]
    assert plain.output[1] == f"{plain.output[0]} True"


def test_a_compiler_that_is_loaded_already_is_used(run: Run, backend: str) -> None:
    code = """
import sys, types
before = sys.modules.setdefault("torch._dynamo", types.ModuleType("torch._dynamo"))
if len(sys.argv) > 1:
    del sys.modules["torch._dynamo"]
    import torch._dynamo as before
import imdb_rnn
imdb_rnn.build_model()
print(sys.modules["torch._dynamo"] is before)
"""
    ran = run(code, *(["real"] if backend == "torch" else []), KERAS_BACKEND=backend)
    assert (ran.status, ran.output) == (0, ["True"]), ran.said
