"""The backend against the oracle, stage by stage: forward, loss, gradients, one step of each optimizer, fifty of Adam.

Each stage starts from the same float32 weights and batches, so that a stage that fails names what differs. Every bound
is in BOUNDS with what was measured, and the mistakes at the end must each break the stage that they are made for.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from imdb_rnn import Corpus, build_model, initial_weights, oracle
from imdb_rnn.batches import Arrays, split_corpus, training_batches
from imdb_rnn.engine import load_engine
from imdb_rnn.oracle import Weights

# stage -> largest difference from the oracle allowed in float32. Behind it the worst measured on a CPU with JAX 0.10.2,
# PyTorch 2.13.0 and TensorFlow 2.21.0; a bound is at most four times that.
BOUNDS = {
    "forward": 4e-7,  # 1.23e-7
    "loss": 1e-7,  # 3.89e-8
    "gradients": 1.3e-7,  # 3.43e-8
    "sgd": 1.4e-7,  # 3.63e-8
    "adam": 4e-7,  # 1.23e-7
    "rmsprop": 1e-7,  # 2.89e-8
    "clipvalue": 8e-8,  # 2.04e-8
    "clipnorm": 1.1e-7,  # 2.83e-8
    "global_clipnorm": 1.1e-7,  # 2.93e-8
    "fifty steps of adam": 5e-6,  # 1.29e-6
}
LEARNING_RATE = 0.001


@pytest.fixture(scope="module")
def batches(small_corpus: Corpus) -> list[Arrays]:
    """Fifty batches of 64 reviews; the first also holds the rows at the edges."""
    stream = training_batches(split_corpus(small_corpus, 10_000, 100).train, 64, seed=42)
    found = [Arrays(*next(stream)) for _ in range(50)]
    edges = np.zeros((3, 100), np.int32)  # all padding; one token; the highest id, a hundred times
    edges[1, -1] = 4
    edges[2] = 10_002
    found[0] = Arrays(np.concatenate([found[0].x[:-3], edges]), found[0].y)
    return found


@pytest.fixture(scope="module")
def start() -> list[np.ndarray]:
    """Initial weights, but with biases, and embeddings tenfold: at ±0.05 tanh is nearly the identity."""
    embeddings, kernel, recurrent_kernel, bias, out_kernel, out_bias = initial_weights(build_model(), 42)
    biases = np.random.default_rng(0).uniform(-0.3, 0.3, 9).astype(np.float32)
    return [embeddings * np.float32(10), kernel, recurrent_kernel, bias + biases[:8], out_kernel, out_bias + biases[8:]]


def compiled(start: list[np.ndarray], optimizer: Any) -> keras.Model:
    model = build_model()
    model.set_weights(start)
    model.compile(optimizer=optimizer, loss="binary_crossentropy")
    load_engine().prepare_optimizer(model.optimizer)
    return model


def farthest(ours: list[np.ndarray], theirs: Weights) -> float:
    return max(float(np.abs(one - other).max()) for one, other in zip(ours, theirs.arrays(), strict=True))


def check(stage: str, difference: float) -> None:
    print(f"{stage}: {difference:.2e}")
    assert difference <= BOUNDS[stage], stage


def backend_scores(start: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    return compiled(start, "sgd").predict(x, verbose=0)


def backend_gradients(start: list[np.ndarray], batch: Arrays) -> list[np.ndarray]:
    """The gradients themselves: with momentum, the first velocity is -1 times the learning rate, here 1, times them."""
    model = compiled(start, keras.optimizers.SGD(1.0, momentum=0.5))
    model.train_on_batch(*batch)
    velocities = [v for v in model.optimizer.variables if tuple(v.shape) and "momentum" in v.path]
    return [-keras.ops.convert_to_numpy(velocity) for velocity in velocities]


def backend_steps(start: list[np.ndarray], optimizer: Any, batches: list[Arrays]) -> list[np.ndarray]:
    model = compiled(start, optimizer)
    for batch in batches:
        model.train_on_batch(*batch)
    return model.get_weights()


def oracle_steps(
    start: list[np.ndarray],
    optimizer: Any,
    batches: list[Arrays],
    change: Callable[[Weights], Weights] = lambda found: found,
) -> Weights:
    weights = Weights.of(start)
    for x, y in batches:
        optimizer.apply(weights, change(oracle.gradients(weights, x, y)))
    return weights


def test_scores_are_those_of_the_oracle(start: list[np.ndarray], batches: list[Arrays]) -> None:
    difference = np.abs(
        backend_scores(start, batches[0].x) - oracle.forward(Weights.of(start), batches[0].x).scores
    ).max()
    check("forward", difference)


def test_the_loss_is_that_of_the_oracle(start: list[np.ndarray], batches: list[Arrays]) -> None:
    model = compiled(start, "sgd")
    logits = oracle.forward(Weights.of(start), batches[0].x).logits
    difference = abs(model.test_on_batch(*batches[0]) - oracle.binary_crossentropy(logits, batches[0].y))
    check("loss", difference)


def test_a_saturated_loss_is_that_of_the_oracle_as_each_backend_computes_it(
    start: list[np.ndarray], batches: list[Arrays], backend: str
) -> None:
    """Keras clips scores on JAX and PyTorch, and recovers the logits on TensorFlow: with a logit of 30 for a negative
    review the loss is about 16 without a gradient there, and 30 with one here."""
    saturated = [*start[:-1], np.array([30], np.float32)]
    negative = Arrays(batches[0].x, np.zeros_like(batches[0].y))
    epsilon = None if backend == "tensorflow" else oracle.EPSILON
    logits = oracle.forward(Weights.of(saturated), negative.x).logits
    expected = oracle.binary_crossentropy(logits, negative.y, epsilon)
    assert compiled(saturated, "sgd").test_on_batch(*negative) == pytest.approx(
        expected, rel=0.02
    )  # 1 - 1e-7 is 1 - 1.2e-7 in float32
    slope = backend_gradients(saturated, negative)[-1]
    assert slope == pytest.approx(1.0 if backend == "tensorflow" else 0.0, abs=1e-6)


def test_gradients_are_those_of_the_oracle(start: list[np.ndarray], batches: list[Arrays]) -> None:
    theirs = oracle.gradients(Weights.of(start), *batches[0])
    difference = farthest(backend_gradients(start, batches[0]), theirs)
    check("gradients", difference)


OPTIMIZERS: dict[str, tuple[Callable[[], Any], Callable[[], Any], Callable[[Weights], Weights]]] = {
    "sgd": (lambda: keras.optimizers.SGD(1.0), lambda: oracle.SGD(1.0), lambda found: found),
    "adam": (lambda: keras.optimizers.Adam(LEARNING_RATE), oracle.Adam, lambda found: found),
    "rmsprop": (lambda: keras.optimizers.RMSprop(LEARNING_RATE), oracle.RMSprop, lambda found: found),
    "clipvalue": (
        lambda: keras.optimizers.SGD(1.0, clipvalue=1e-3),
        lambda: oracle.SGD(1.0),
        lambda found: oracle.clip_by_value(found, 1e-3),
    ),
    "clipnorm": (
        lambda: keras.optimizers.SGD(1.0, clipnorm=1e-2),
        lambda: oracle.SGD(1.0),
        lambda found: oracle.clip_by_norm(found, 1e-2),
    ),
    "global_clipnorm": (
        lambda: keras.optimizers.SGD(1.0, global_clipnorm=1e-2),
        lambda: oracle.SGD(1.0),
        lambda found: oracle.clip_by_global_norm(found, 1e-2),
    ),
}


@pytest.mark.parametrize("stage", OPTIMIZERS)
def test_one_step_is_that_of_the_oracle(start: list[np.ndarray], batches: list[Arrays], stage: str) -> None:
    """The tokens of a batch repeat, so that gradients which are not summed before they are squared show here."""
    ours, theirs, change = OPTIMIZERS[stage]
    assert len(np.unique(batches[0].x)) < batches[0].x.size / 4
    difference = farthest(backend_steps(start, ours(), batches[:1]), oracle_steps(start, theirs(), batches[:1], change))
    print(f"{stage}: {difference:.2e}")
    assert difference <= BOUNDS[stage]


def test_fifty_steps_of_adam_are_those_of_the_oracle(start: list[np.ndarray], batches: list[Arrays]) -> None:
    ours = backend_steps(start, keras.optimizers.Adam(LEARNING_RATE), batches)
    difference = farthest(ours, oracle_steps(start, oracle.Adam(), batches))
    check("fifty steps of adam", difference)


def unsummed_adam(start: list[np.ndarray], batch: Arrays) -> Weights:
    """One step of Adam as it would be with the squares of an id's gradients summed instead of the square of their sum.

    A model with an id of its own for each place in the batch has the gradients of the places apart.
    """
    x, y = batch
    weights = Weights.of(start)
    found = oracle.gradients(weights, x, y)
    places = oracle.gradients(
        Weights.of([weights.embeddings[x.ravel()], *weights.arrays()[1:]]), np.arange(x.size).reshape(x.shape), y
    )
    squares = np.zeros_like(weights.embeddings)
    np.add.at(squares, x.ravel(), places.embeddings**2)
    before = weights.embeddings.copy()
    oracle.Adam().apply(weights, found)
    rate = LEARNING_RATE * np.sqrt(1 - 0.999) / (1 - 0.9)
    weights.embeddings[:] = before - rate * 0.1 * found.embeddings / (np.sqrt(0.001 * squares) + oracle.EPSILON)
    return weights


def transposed(start: list[np.ndarray]) -> Weights:
    return Weights.of([*start[:2], start[2].T, *start[3:]])


def without_bias(start: list[np.ndarray]) -> Weights:
    return Weights.of([*start[:3], 0 * start[3], *start[4:]])


@pytest.mark.parametrize("mistake", ["a transposed recurrent kernel", "a dropped bias", "padding shifted by one"])
def test_a_mistake_in_the_forward_pass_would_be_noticed(
    start: list[np.ndarray], batches: list[Arrays], mistake: str
) -> None:
    weights, x = Weights.of(start), batches[0].x
    mistaken = {
        "a transposed recurrent kernel": lambda: oracle.forward(transposed(start), x),
        "a dropped bias": lambda: oracle.forward(without_bias(start), x),
        "padding shifted by one": lambda: oracle.forward(weights, np.roll(x, -1, axis=1)),
    }[mistake]()
    with pytest.raises(AssertionError, match="forward"):
        check("forward", float(np.abs(backend_scores(start, x) - mistaken.scores).max()))


@pytest.mark.parametrize("mistake", ["squares summed by id", "another epsilon", "Adam without bias correction"])
def test_a_mistake_in_adam_would_be_noticed(start: list[np.ndarray], batches: list[Arrays], mistake: str) -> None:
    mistaken = {
        "squares summed by id": lambda: unsummed_adam(start, batches[0]),
        "another epsilon": lambda: oracle_steps(start, oracle.Adam(epsilon=1e-8), batches[:1]),
        "Adam without bias correction": lambda: oracle_steps(start, oracle.RMSprop(rho=0.999), batches[:1]),
    }[mistake]()
    ours = backend_steps(start, keras.optimizers.Adam(LEARNING_RATE), batches[:1])
    with pytest.raises(AssertionError, match="adam"):
        check("adam", farthest(ours, mistaken))


def test_a_swapped_batch_would_be_noticed(start: list[np.ndarray], batches: list[Arrays]) -> None:
    swapped = [batches[1], batches[0], *batches[2:]]
    ours = backend_steps(start, keras.optimizers.Adam(LEARNING_RATE), batches)
    with pytest.raises(AssertionError, match="fifty steps of adam"):
        check("fifty steps of adam", farthest(ours, oracle_steps(start, oracle.Adam(), swapped)))


def test_without_our_engine_tensorflow_would_make_that_mistake(
    start: list[np.ndarray], batches: list[Arrays], backend: str
) -> None:
    """Why engine/tensorflow.py prepares the optimizer; the other backends need no preparation."""
    model = build_model()
    model.set_weights(start)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss="binary_crossentropy")
    model.train_on_batch(*batches[0])
    reference = (
        unsummed_adam(start, batches[0]) if backend == "tensorflow" else oracle_steps(start, oracle.Adam(), batches[:1])
    )
    check("adam", farthest(model.get_weights(), reference))
