"""The backend: the only one loaded, and made to compute Keras's own formulas."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from imdb_rnn import BackendError, Training, backends
from imdb_rnn.backends import choice

# Whatever else is loaded, these are what Keras could run on.
FRAMEWORKS = {"jax", "torch", "tensorflow"}


def modules_after(code: str, **environment: str) -> set[str]:
    """The modules that a fresh process has loaded after some code."""
    script = f"{code}\nimport sys\nprint(' '.join(sys.modules))"
    completed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300, env=child(environment)
    )
    return set(completed.stdout.split())


def child(environment: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **environment}


def test_importing_the_library_loads_no_backend_and_no_keras() -> None:
    loaded = modules_after("import imdb_rnn; imdb_rnn.tokenize; imdb_rnn.load_reviews")
    assert "imdb_rnn.corpora" in loaded
    assert loaded.isdisjoint({"keras", *FRAMEWORKS})


def test_the_check_above_would_notice_a_backend(backend: str) -> None:
    assert {"keras", backend} <= modules_after("import keras")


def test_a_whole_training_loads_one_backend_only(backend: str) -> None:
    loaded = modules_after(
        "import imdb_rnn\n"
        "from imdb_rnn.corpora.corpus import encode_texts\n"
        "from imdb_rnn.corpora.synthetic import make_texts\n"
        "corpus = encode_texts('small', '', *make_texts(200, 50), None)\n"
        "training = imdb_rnn.train(corpus, None, imdb_rnn.Recipe.tutorial(epochs=1), progress=False)\n"
        "training.classifier.predict_review('A good film.')"
    )
    assert loaded & FRAMEWORKS == {backend}
    assert backend == "tensorflow" or not any(name.startswith("tensorflow.") for name in loaded)  # and so no tf.data


def test_this_environment_holds_one_backend(backend: str) -> None:
    assert os.environ["KERAS_BACKEND"] == keras.backend.backend() == backend
    assert backends.installed_backends() == [backend], "run the tests by tox, which installs one backend an environment"


@pytest.mark.parametrize(
    ("value", "received"),
    [
        ("theano", "Received: 'theano'."),
        ("JAX", "Received: 'JAX'."),
    ],
)
def test_an_unknown_backend_is_an_error_that_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, backend: str, value: str, received: str
) -> None:
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_BACKEND", value)
    with pytest.raises(BackendError) as raised:
        backends.backend_name()
    assert received in str(raised.value)
    assert f"Installed here: {backend}." in str(raised.value)
    assert f"export KERAS_BACKEND={backend}" in str(raised.value)


def test_a_backend_that_is_not_installed_is_an_error(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    other = next(name for name in backends.TRAINING_BACKENDS if name != backend)
    monkeypatch.setenv("KERAS_BACKEND", other)
    monkeypatch.setattr(choice, "is_installed", lambda name: name == backend)
    with pytest.raises(BackendError, match=f"Received: '{other}', which is not installed"):
        backends.backend_name()


def test_a_backend_cannot_change_once_keras_runs(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    other = next(name for name in backends.TRAINING_BACKENDS if name != backend)
    monkeypatch.setenv("KERAS_BACKEND", other)
    monkeypatch.setattr(choice, "is_installed", lambda name: True)
    with pytest.raises(BackendError, match=f"Expected: '{backend}', which Keras is running on already"):
        backends.backend_name()


def test_a_keras_that_was_imported_first_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.delenv("KERAS_BACKEND")
    assert backends.backend_name() == backend


@pytest.mark.parametrize("name", [*backends.TRAINING_BACKENDS, *backends.PREDICTING_BACKENDS])
def test_every_backend_has_its_module(name: str) -> None:
    assert importlib.util.find_spec(f"imdb_rnn.backends.{name}") is not None


def test_the_engine_of_this_backend_keeps_its_promises(backend: str) -> None:
    running = backends.load_backend()
    assert running.__name__ == f"imdb_rnn.backends.{backend}"  # type: ignore[attr-defined]
    assert running.version()[0].isdigit()
    assert running.device() in ("cpu", "gpu", "cuda")


@pytest.mark.parametrize(
    ("optimizer", "step"),
    [("Adam", 0.001), ("RMSprop", 0.001 / np.sqrt(0.1))],
)
def test_a_repeated_token_moves_its_embedding_by_the_formula(optimizer: str, step: float) -> None:
    """Token 1 stands three times in a row. With its gradients summed before they are squared, the first step of Adam
    is the learning rate, and that of RMSprop the learning rate over the root of 1 - rho, whatever the gradient."""
    model = keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.Embedding(5, 2), keras.layers.Flatten()])
    model.set_weights([np.zeros((5, 2))])
    model.compile(optimizer=getattr(keras.optimizers, optimizer)(0.001), loss=lambda y, out: keras.ops.sum(y * out, -1))
    backends.load_backend().prepare_optimizer(model.optimizer)
    slopes = np.array([[0.1, 0.5, 0.2, 0.7, 0.3, 0.4, 1.0, -1.0]], np.float32)
    model.train_on_batch(np.array([[1, 1, 1, 2]]), slopes)
    moved = model.get_weights()[0]
    np.testing.assert_allclose(moved[1], [-step, -step], rtol=1e-4)
    np.testing.assert_allclose(moved[2], [-step, step], rtol=1e-4)
    assert not moved[[0, 3, 4]].any()


def test_a_backend_that_only_predicts_is_told_from_one_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    with pytest.raises(BackendError, match="Received: 'openvino', which is not installed"):
        backends.training_backend_name()
    monkeypatch.setattr(choice, "is_installed", lambda name: True)
    expected = "Expected: one of jax, torch, tensorflow, to train. Received: 'openvino', which only predicts"
    with pytest.raises(BackendError, match=expected):
        backends.training_backend_name()


def test_a_session_has_keras_own_settings_and_gives_the_programs_back() -> None:
    config = keras.config
    before = config.floatx(), config.epsilon(), config.dtype_policy()
    try:
        config.set_floatx("float16")
        config.set_epsilon(1e-3)
        config.set_dtype_policy("mixed_bfloat16")
        with pytest.raises(KeyError), backends.keras_session():
            assert (config.floatx(), config.epsilon(), config.dtype_policy().name) == ("float32", 1e-7, "float32")
            raise KeyError
        assert (config.floatx(), config.epsilon(), config.dtype_policy().name) == ("float16", 1e-3, "mixed_bfloat16")
    finally:
        config.set_floatx(before[0])
        config.set_epsilon(before[1])
        config.set_dtype_policy(before[2])


FORKING = """
import os, sys
import numpy as np
import imdb_rnn
classifier = imdb_rnn.Classifier.load(sys.argv[1])
classifier.probabilities(np.zeros((1, 100), np.int32))
child = os.fork()
if not child:
    print(classifier.predict_review("A good film.").label, flush=True)
    try:
        print(classifier.probabilities(np.zeros((1, 100), np.int32)).shape, flush=True)
    except imdb_rnn.BackendError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_predicts_and_says_that_the_backend_does_not_work_there(
    trained: tuple[Path, Training], backend: str
) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKING, str(trained[0])]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=120)
    label, scored = completed.stdout.splitlines()
    assert label in ("positive", "negative")
    if backend == "torch":
        assert scored == "(1,)"
    else:
        assert scored.startswith(f"Cannot use {backend} in this process. Expected: a process that was not forked")


TRAINING = """
import gc
import imdb_rnn
from imdb_rnn.corpora.synthetic import make_texts
from imdb_rnn.corpora.corpus import encode_texts

corpus = encode_texts("small", "", *make_texts(300, 50), None)
recipe = imdb_rnn.Recipe.tutorial(epochs=1)
for number in range(8):
    imdb_rnn.train(corpus, None, recipe, progress=False)
    gc.collect()
    with open("/proc/self/statm") as file:
        print(int(file.read().split()[1]) * 4 // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells the memory of a process here")
def test_trainings_in_one_process_take_no_more_memory_each() -> None:
    """Where each training left what was compiled for it, they took 40 MB each."""
    command = [sys.executable, "-c", TRAINING]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    megabytes = [int(line) for line in completed.stdout.splitlines()]
    assert megabytes[-1] - megabytes[2] < 5 * 10, megabytes
