"""The model's shape, and weights to begin with that are the same on every backend."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from imdb_rnn import Recipe, RecipeError, build_model, initial_weights
from imdb_rnn.model.architecture import RECURRENT_INITIALIZERS, parameters, soft_label_accuracy


def test_parameters_are_what_the_arithmetic_says() -> None:
    counts = parameters(build_model())
    assert counts == {"embedding": 10_003 * 16, "simple_rnn": 16 * 8 + 8 * 8 + 8, "dense": 8 * 1 + 1}
    assert counts == {"embedding": 160_048, "simple_rnn": 200, "dense": 9}
    assert build_model().count_params() == 160_257


def test_the_model_takes_ids_and_gives_scores() -> None:
    model = build_model()
    ids = np.array([[0] * 100, [0] * 98 + [1, 4], [10_002] * 100], np.int32)
    scores = model.predict(ids, verbose=0)
    assert (scores.shape, scores.dtype) == ((3, 1), np.float32)
    assert ((scores > 0) & (scores < 1)).all()


def test_a_users_own_float_type_does_not_change_the_model() -> None:
    keras.config.set_floatx("float64")
    try:
        model = build_model(50, 10)
        assert {str(weight.dtype) for weight in model.weights} == {"float32"}
    finally:
        keras.config.set_floatx("float32")


def test_one_hot_vectors_are_made_inside_the_model() -> None:
    model = build_model(500, encoder="one_hot")
    assert parameters(model) == {"simple_rnn": 500 * 8 + 8 * 8 + 8, "dense": 9}
    assert model.layers[0].output.shape == (None, 100, 500)
    # An id picks its row of the kernel, as from an embedding without a bias.
    kernel, recurrent_kernel, bias, out_kernel, out_bias = (
        array.astype(np.float64) for array in initial_weights(model, 1)
    )
    model.set_weights(initial_weights(model, 1))
    ids = np.random.default_rng(0).integers(0, 500, (4, 100)).astype(np.int32)
    state = np.zeros((4, 8))
    for step in range(100):
        state = np.tanh(kernel[ids[:, step]] + state @ recurrent_kernel + bias)
    expected = 1 / (1 + np.exp(-(state @ out_kernel + out_bias)))
    np.testing.assert_allclose(model.predict(ids, verbose=0), expected, atol=1e-6)


def test_initial_weights_have_the_distributions_of_keras_defaults() -> None:
    model = build_model()
    embeddings, kernel, recurrent_kernel, bias, out_kernel, out_bias = initial_weights(model, 42)
    assert [a.shape for a in initial_weights(model, 42)] == [tuple(w.shape) for w in model.weights]
    assert {a.dtype for a in initial_weights(model, 42)} == {np.dtype(np.float32)}
    assert abs(embeddings).max() <= 0.05
    assert embeddings.std() == pytest.approx(0.1 / np.sqrt(12), rel=0.01)
    assert 0.9 * np.sqrt(6 / 24) < abs(kernel).max() <= np.sqrt(6 / 24)
    assert abs(out_kernel).max() <= np.sqrt(6 / 9)
    np.testing.assert_allclose(recurrent_kernel @ recurrent_kernel.T, np.eye(8), atol=1e-6)
    assert not bias.any()
    assert not out_bias.any()


def test_the_recurrent_kernel_may_begin_as_the_identity() -> None:
    """Then a model first adds its words up: their order makes next to no difference."""
    model = build_model()
    arrays = initial_weights(model, 42, "identity")
    np.testing.assert_array_equal(arrays[2], np.eye(8, dtype=np.float32))
    for position, (ours, usual) in enumerate(zip(arrays, initial_weights(model, 42), strict=True)):
        assert np.array_equal(ours, usual) == (position != 2)
    ids = np.random.default_rng(0).integers(4, 10_000, (1, 100)).astype(np.int32)
    spread = {}
    for name in RECURRENT_INITIALIZERS:
        model.set_weights(initial_weights(model, 42, name))
        spread[name] = abs(np.diff(model.predict(np.concatenate([ids, ids[:, ::-1]]), verbose=0)[:, 0])).item()
    assert spread["identity"] < 0.01 < spread["orthogonal"]


def test_an_initializer_that_is_none_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"Expected: one of orthogonal, identity\. Received: 'zeros'"):
        initial_weights(build_model(50, 10), 1, "zeros")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="Bad `recurrent_initializer`"):
        Recipe(recurrent_initializer="zeros")  # type: ignore[arg-type]


def test_accuracy_of_labels_is_keras_own_and_of_shares_counts_sides() -> None:
    random = np.random.default_rng(0)
    scores, labels = random.random((50, 1), np.float32), random.integers(0, 2, (50, 1)).astype(np.float32)
    ours, theirs = soft_label_accuracy(), keras.metrics.BinaryAccuracy()
    assert ours.name == "accuracy"
    assert float(ours(labels, scores)) == float(theirs(labels, scores))
    ours.reset_state()
    assert float(ours(np.array([[0.3], [0.8], [0.9]]), np.array([[0.1], [0.9], [0.2]]))) == pytest.approx(2 / 3)


def test_initial_weights_are_bit_equal_on_every_backend() -> None:
    model = build_model()
    arrays = initial_weights(model, 42)
    # The recurrent kernel goes through LAPACK, whose last bit may differ between machines, not between backends.
    drawn = b"".join(array.tobytes() for position, array in enumerate(arrays) if position != 2)
    assert hashlib.sha256(drawn).hexdigest()[:16] == "0ee96d7e3ea66b11"
    model.set_weights(arrays)
    assert all((np.asarray(set_) == array).all() for set_, array in zip(model.get_weights(), arrays, strict=True))


def test_another_seed_gives_other_weights() -> None:
    model = build_model(50, 10)
    assert (initial_weights(model, 1)[0] != initial_weights(model, 2)[0]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_words": 4}, r"Bad `num_words`\. Expected: a whole number of at least 5\. Received: 4\."),
        ({"num_words": 1e4}, r"Bad `num_words`\..* Received: 10000\.0\."),
        ({"num_words": np.float64(1e4)}, r"Bad `num_words`\..* Received: np\.float64\(10000\.0\)\."),
        ({"num_words": np.uint8(4)}, r"Bad `num_words`\..* Received: np\.uint8\(4\)\."),
        ({"max_len": np.True_}, r"Bad `max_len`\..* Received: np\.True_\."),
        ({"max_len": np.inf}, r"Bad `max_len`\..* Received: inf\."),
        ({"max_len": 0}, r"Bad `max_len`\. Expected: a whole number of at least 1\. Received: 0\."),
        ({"encoder": "lstm"}, r"Bad `encoder`\. Expected: one of embedding, one_hot\. Received: 'lstm'\."),
    ],
)
def test_a_model_that_cannot_be_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_model(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [np.int64, np.int32, np.uint8, np.array], ids=lambda number: number.__name__)
def test_numpys_whole_numbers_are_whole_numbers(number: Callable[[int], Any]) -> None:
    model = build_model(number(254), number(10))
    assert model.input_shape == (None, 10)
    assert json.loads(model.to_json())["config"]["layers"][1]["config"]["input_dim"] == 257  # no overflow of uint8
    for ours, theirs in zip(initial_weights(model, number(3)), initial_weights(model, 3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "seed",
    [
        -1,
        1.5,
        "42",
        True,
        np.True_,
        np.float32(1),
        np.int64(-1),
        np.nan,
        np.inf,
        np.array([1]),
        np.timedelta64(1, "ns"),
    ],
    ids=repr,
)
def test_a_seed_that_is_none_is_refused(seed: object) -> None:
    with pytest.raises(RecipeError, match="Bad `seed`"):
        initial_weights(build_model(50, 10), seed)  # type: ignore[arg-type]
