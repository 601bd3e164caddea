"""Why backends disagree about a case: the finding that explains it. A case that disagrees without one is not published.

Each entry is a group, a pattern that the name of the case begins with, and the slug of a finding of
docs/keras-findings.md, or a reason in words.
"""

import re

NEEDS_TENSORFLOW = "needs TensorFlow, as Keras's documentation says"
NO_REDUCTION = "without a reduction the loss is a vector, and only TensorFlow takes its gradient, that of the sum"
SATURATED = (
    "loss (BinaryCrossentropy|BinaryFocalCrossentropy|CategoricalCrossentropy|SparseCategoricalCrossentropy) saturated"
)
EXPLAINED = (
    ("activations", "celu", "on-tensorflow-celu-has-the-gradient-2-at-zero"),
    ("activations", "leaky_relu|relu|selu", "at-a-kink-backends-take-different-derivatives-of-leaky_relu"),
    (
        "activations",
        r"softmax axis=\(",
        "on-pytorch-and-tensorflow-softmax-over-two-axes-fails-in-a-functional-model",
    ),
    ("activations", "sparsemax", "activationssparsemax-takes-no-symbolic-tensor"),
    ("applications", "EfficientNetB", "on-tensorflow-the-count-of-normalization-is-int64"),
    ("hub", "GPTNeoX|Llama|Mistral|Phi3|Qwen3", "attention-without-a-key-is-a-mean-or-zero-as-dropout-says"),
    ("layers", "Equalization", "equalization-cannot-be-a-layer-of-a-functional-model"),
    ("layers", "HashedCrossing|Hashing|IntegerLookup", NEEDS_TENSORFLOW),
    ("layers", "LayerNormalization axis=", "on-pytorch-layernormalization-over-an-inner-axis-normalizes-the-last-one"),
    ("layers", "RMSNormalization axis=", "rmsnormalization-over-an-inner-axis-scales-the-last-one"),
    (
        "layers",
        "RandAugment|RandomBrightness|RandomColorJitter",
        "on-pytorch-randombrightness-changes-the-images-it-is-given",
    ),
    ("layers", "RandomCrop", "in-inference-randomcrop-returns-images-of-another-size-than-it-says"),
    ("layers", "RandomElasticTransform", "randomelastictransform-draws-one-random-number-less-on-pytorch"),
    (
        "layers",
        "Pipeline of two augmentations|RandomRotation|RandomShear|RandomTranslation|RandomZoom",
        "on-tensorflow-affine_transform-has-another-gradient-at-the-border",
    ),
    (
        "layers",
        "SpectralNormalization",
        "on-jax-a-training-step-forgets-the-kernel-that-spectralnormalization-normalizes",
    ),
    ("losses", SATURATED, "jax-and-pytorch-give-no-gradient-for-a-saturated-sigmoid"),
    ("losses", "loss KLDivergence saturated", "at-a-kink-backends-take-different-derivatives-of-leaky_relu"),
    ("losses", "loss .* reduction=none", NO_REDUCTION),
    (
        "losses",
        "loss SparseCategoricalCrossentropy axis=",
        "sparsecategoricalcrossentropy-over-an-inner-axis-runs-on-pytorch-only",
    ),
    ("metrics", "metric R2Score num_regressors", "r2score-with-num_regressors-runs-on-pytorch-only"),
    ("metrics", "metric of one's own that returns its variable", "on-jax-a-metric-cannot-return-its-variable"),
    (
        "models",
        "image classification with augmentation",
        "on-tensorflow-affine_transform-has-another-gradient-at-the-border",
    ),
    (
        "models",
        "recommendation|tabular|text classification|translation",
        "tensorflow-squares-gradients-of-repeated-tokens-before-it-sums-them",
    ),
    ("models", "segmentation", "on-pytorch-sparse-cross-entropy-of-images-cannot-be-trained"),
    ("models", "two tasks by name", "on-jax-and-tensorflow-nadam-computes-one-minus-beta_2-in-float32"),
    ("optimizers", "Nadam", "on-jax-and-tensorflow-nadam-computes-one-minus-beta_2-in-float32"),
    (
        "optimizers",
        "(Adadelta|Adafactor|Adagrad|Adam|AdamW|Adamax|Ftrl|Lamb|Muon|RMSprop|Optimizer of one's own) on Embedding",
        "tensorflow-squares-gradients-of-repeated-tokens-before-it-sums-them",
    ),
    (
        "optimizers",
        "ScheduleFreeAdamW",
        "on-pytorch-and-tensorflow-schedulefreeadamw-takes-the-new-momentum-for-the-old",
    ),
)


def explanation(group: str, name: str) -> str:
    """Return the slug or the reason that explains a disagreement about a case; "" if nothing does."""
    return next((why for where, pattern, why in EXPLAINED if where == group and re.match(pattern, name)), "")
