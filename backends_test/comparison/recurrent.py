"""The other recurrent layers of the ladder: their weights and batches, and what the oracle makes of them.

The model is that of the other stages with another layer in place of the SimpleRNN.
"""

import numpy as np

from backends_test import oracle, recurrent_oracle
from backends_test.comparison.inputs import SEED, SHAPES, STEPS, Inputs
from backends_test.comparison.reference import Tensors, named
from backends_test.comparison.stages import stage_name
from backends_test.oracle import Weights
from imdb_rnn.text.batches import Arrays

# Layer -> the shapes of its kernel, recurrent kernel and bias.
LAYER_SHAPES = {
    "LSTM": ((16, 32), (8, 32), (32,)),
    "GRU": ((16, 24), (8, 24), (2, 24)),
    "GRU, reset_after=False": ((16, 24), (8, 24), (24,)),
    "SimpleRNN, relu": ((16, 8), (8, 8), (8,)),
}
# Whole batches of 64, so that no program is compiled for a smaller one.
REVIEWS = 512


def draw_start(layer: str) -> list[np.ndarray]:
    """Draw the weights of the model with a layer, float32, so large that no gate is nearly linear."""
    random = np.random.default_rng(SEED)
    shapes = [SHAPES["embeddings"], *LAYER_SHAPES[layer], SHAPES["out_kernel"], SHAPES["out_bias"]]
    return [random.uniform(-0.5, 0.5, shape).astype(np.float32) for shape in shapes]


def masked_batch(inputs: Inputs) -> Arrays:
    """Return a batch of reviews of 1 to 100 ids, padded at their ends; no other id is 0.

    At their ends, because cuDNN supports no other mask.
    """
    x, y = inputs.batches[1]
    lengths = np.random.default_rng(SEED).integers(1, x.shape[1] + 1, (len(x), 1))
    return Arrays(np.where(np.arange(x.shape[1]) < lengths, np.maximum(x, 1), 0).astype(x.dtype), y)


def compute(inputs: Inputs) -> dict[str, Tensors]:
    """Compute the stages of every layer with the oracle: stage -> tensor -> array."""
    return {
        stage_name(layer, stage): tensors
        for layer in LAYER_SHAPES
        for stage, tensors in compute_layer(layer, inputs).items()
    }


def compute_layer(name: str, inputs: Inputs) -> dict[str, Tensors]:
    """Compute the stages of one layer with the oracle."""
    layer, weights, adam = recurrent_oracle.LAYERS[name], Weights.of(draw_start(name)), oracle.Adam()
    first, masked = inputs.batches[0], masked_batch(inputs)
    stages = {
        "forward": {
            "edges": recurrent_oracle.forward(layer, weights, first.x).scores,
            "reviews": recurrent_oracle.forward(layer, weights, inputs.reviews.x[:REVIEWS]).scores,
        },
        "gradients": named(recurrent_oracle.gradients(layer, weights, *first).arrays()),
        "masked": named(recurrent_oracle.gradients(layer, weights, *masked, masked.x != 0).arrays()),
    }
    for step, batch in enumerate(inputs.batches[:STEPS], 1):
        adam.apply(weights, recurrent_oracle.gradients(layer, weights, *batch))
        if step == 1:
            stages["Adam"] = named(array.copy() for array in weights.arrays())
    return stages | {"fifty steps": named(weights.arrays())}
