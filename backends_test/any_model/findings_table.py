"""Which findings of docs/keras-findings.md concern a model: a table, with a row for each finding.

To add a finding, add a row to `TABLE` under its slug: the anchor of its heading. A finding that concerns no model goes
to `NOT_ABOUT_A_MODEL`, with the reason.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

PAGE = "docs/keras-findings.md"
# The end of the subject of a line that sets the type of all layers.
ALL_LAYERS = "all layers"
TRAINING = ("jax", "torch", "tensorflow")

# Optimizers that square the gradient as they get it; of the others, only clipping does.
SQUARING = frozenset(
    {
        "Adadelta",
        "Adafactor",
        "Adagrad",
        "Adam",
        "AdamW",
        "Ftrl",
        "Lamb",
        "Muon",
        "Nadam",
        "RMSprop",
        "ScheduleFreeAdamW",
    }
)
# Those that take its absolute value, with the same fault.
ABSOLUTE = frozenset({"Adamax"})
OPTIMIZERS = SQUARING | ABSOLUTE | {"Lion", "SGD"}
EMBEDDINGS = frozenset({"Embedding", "ReversibleEmbedding", "TokenAndPositionEmbedding"})
RECURRENT = frozenset({"GRU", "LSTM", "RNN", "SimpleRNN"})
BINARY_CROSSENTROPY = frozenset({"BinaryCrossentropy", "bce", "binary_crossentropy"})


class Use(NamedTuple):
    """A class or function of Keras that a model uses.

    Attributes:
        kind: its module: "layers", "losses", "optimizers", ...; "" if it cannot be told.
        name: its name.
        subject: where it is used: the name of a layer, or a line of the source.
        settings: its arguments, as far as they are numbers, texts or names; "0" is the first one without a name.
        module: where it comes from, if it was read from a file.
    """

    kind: str
    name: str
    subject: str
    settings: Mapping[str, Any]
    module: str = ""


class Facts(NamedTuple):
    """What is known of a model without running it.

    Attributes:
        uses: the classes and functions of Keras that it uses.
        names: the names in the source -> the lines of each.
        subclasses: (name of a class in the source, name of its base, line).
        dtypes: (where, the name of a dtype policy).
        compiled: the settings of `compile` in a file; empty for a function.
    """

    uses: tuple[Use, ...] = ()
    names: Mapping[str, tuple[int, ...]] = {}
    subclasses: tuple[tuple[str, str, int], ...] = ()
    dtypes: tuple[tuple[str, str], ...] = ()
    compiled: Mapping[str, Any] = {}

    def used(self, names: Iterable[str], kind: str = "") -> list[Use]:
        """Return the uses of some classes or functions; those of an unknown kind count as well."""
        wanted = set(names)
        return [use for use in self.uses if use.name in wanted and (not kind or use.kind in ("", kind))]

    def lines(self, *names: str) -> list[str]:
        """Return the subjects for the lines of the source that hold one of some names."""
        return [f"line {line}" for name in names for line in self.names.get(name, ())]


class Concern(NamedTuple):
    """A finding, and which models it concerns.

    Attributes:
        message: what happens, in one sentence without a full stop.
        backends: the backends whose results it changes.
        subjects: returns what of a model it concerns: layers, optimizers, lines; nothing if it does not.
    """

    message: str
    backends: tuple[str, ...]
    subjects: Callable[[Facts], list[str]]


def lines_with(*names: str) -> Callable[[Facts], list[str]]:
    """Return a rule: the finding concerns each line of the source that holds one of some names."""
    return lambda facts: facts.lines(*names)


def _squared_slices(facts: Facts) -> list[str]:
    embeddings = facts.used(EMBEDDINGS, "layers")
    clipping = {"clipnorm", "clipvalue", "global_clipnorm"}
    optimizers = [
        use
        for use in facts.used(OPTIMIZERS, "optimizers")
        if use.name in SQUARING | ABSOLUTE or any(use.settings.get(name) is not None for name in clipping)
    ]
    return [f"{use.subject} with {optimizers[0].name}" for use in embeddings] if optimizers else []


def _float64(facts: Facts) -> list[str]:
    return [subject for subject, dtype in facts.dtypes if dtype == "float64"]


def _recurrent_float64(facts: Facts) -> list[str]:
    recurrent = facts.used(RECURRENT, "layers")
    subjects = _float64(facts)
    everywhere = any(subject.endswith(ALL_LAYERS) for subject in subjects)
    return [use.subject for use in recurrent if everywhere or use.subject in subjects]


def _rounded_numbers(facts: Facts) -> list[str]:
    numbers = [use.subject for use in facts.used(("Adam", "AdamW", "Nadam", "Constant"))]
    return numbers if _float64(facts) else []


def _saturated(facts: Facts) -> list[str]:
    losses = [use for use in facts.used(BINARY_CROSSENTROPY, "losses") if use.settings.get("from_logits") is not True]
    # The activation of Dense is its second argument, that of Activation its first.
    sigmoids = [
        use.subject
        for use in facts.uses
        if use.kind in ("", "layers") and "sigmoid" in (use.settings.get(name) for name in ("activation", "0", "1"))
    ]
    return sigmoids if losses else []


def _torch_optimizer(facts: Facts) -> list[str]:
    return [use.name for use in facts.uses if use.module.startswith("keras.src.backend.torch.optimizers.")]


def _resolved_jit(facts: Facts) -> list[str]:
    setting = facts.compiled.get("jit_compile")
    return [f"jit_compile={setting}"] if isinstance(setting, bool) else []


def _seeded(facts: Facts) -> list[str]:
    own = [use.subject for use in facts.uses if use.kind == "initializers" and use.settings.get("seed") is not None]
    return facts.lines("set_random_seed") + own


def _restored_within_epoch(facts: Facts) -> list[str]:
    return [use.subject for use in facts.used(("BackupAndRestore",)) if isinstance(use.settings.get("save_freq"), int)]


def _epoch_ends(facts: Facts) -> list[str]:
    return facts.lines("on_epoch_end") if "PyDataset" in facts.names else []


def _subclassed_layers(facts: Facts) -> list[str]:
    general = {"Layer", "Wrapper"}
    layers = [(name, line) for name, base, line in facts.subclasses if base not in general]
    return [f"line {line}, class {name}" for name, line in layers]


def _layers(*names: str) -> Callable[[Facts], list[str]]:
    return lambda facts: [use.subject for use in facts.used(names, "layers")]


def _inner(axis: object) -> bool:
    """Return whether an axis is known and is not -1, which is None where it is read from a source."""
    return axis not in (None, -1, [-1])


def _inner_axis(facts: Facts) -> list[str]:
    layers = facts.used(("LayerNormalization", "RMSNormalization"), "layers")
    return [use.subject for use in layers if _inner(use.settings.get("axis"))]


def _inner_rms(facts: Facts) -> list[str]:
    layers = facts.used(("RMSNormalization",), "layers")
    return [use.subject for use in layers if _inner(use.settings.get("axis"))]


def _bias_elsewhere(facts: Facts) -> list[str]:
    """Return calls of `keras.ops.add`, and layers whose bias does not belong to the last axis."""
    convolutions = [use for use in facts.uses if "Conv" in use.name and use.kind in ("", "layers")]
    biased = [use for use in convolutions if use.settings.get("data_format") == "channels_first"]
    for use in facts.used(("EinsumDense",), "layers"):
        equation = str(use.settings.get("equation", use.settings.get("0")))
        if (axes := use.settings.get("bias_axes")) and not equation.endswith(axes):
            biased.append(use)
    biased += [use for use in facts.used(("MultiHeadAttention",), "layers") if use.settings.get("key_dim") == 1]
    return [use.subject for use in [*facts.used(("add",), "ops"), *biased]]


def _resized(*names: str) -> Callable[[Facts], list[str]]:
    """Return a rule: the finding concerns each resizing with one of some interpolations."""
    resizing = ("Resize", "Resizing", "UpSampling2D", "resize")
    return lambda facts: [use.subject for use in facts.used(resizing) if use.settings.get("interpolation") in names]


def _uneven_blur(facts: Facts) -> list[str]:
    """Return blurs whose kernel has two sizes: a file tells them, a source in most cases does not."""
    blurs = facts.used(("GaussianBlur", "RandomGaussianBlur"))
    return [
        use.subject
        for use in blurs
        if isinstance(sizes := use.settings.get("kernel_size"), list | tuple) and len(set(sizes)) > 1
    ]


def _blur_without_format(facts: Facts) -> list[str]:
    return [
        use.subject
        for use in facts.used(("gaussian_blur",))
        if use.settings.get("data_format", use.settings.get("3")) is None
    ]


def _masking(facts: Facts) -> list[Use]:
    """Return the layers that make a mask."""
    embeddings = [use for use in facts.used(EMBEDDINGS, "layers") if use.settings.get("mask_zero") is True]
    return [*embeddings, *facts.used(("Masking",), "layers")]


def _masked_attention(facts: Facts) -> list[str]:
    """Return attention in a model that masks padding: all keys of a query that is padding are masked."""
    layers = facts.used(("GroupQueryAttention", "GroupedQueryAttention", "MultiHeadAttention"), "layers")
    return [use.subject for use in layers] if _masking(facts) else []


def _masked_outputs(facts: Facts) -> list[str]:
    """Return the layers that make a mask, unless a layer seems to give one output for all steps."""
    states = [use for use in facts.used(RECURRENT, "layers") if use.settings.get("return_sequences") is not True]
    pooled = [use for use in facts.uses if use.name.startswith(("Flatten", "Global"))]
    return [] if states or pooled else [use.subject for use in _masking(facts)]


def _seeded_dropout(facts: Facts) -> list[str]:
    layers = [use for use in facts.uses if "Dropout" in use.name or use.name == "GaussianNoise"]
    return [use.subject for use in layers if use.settings.get("seed") is not None]


def _masked_images(facts: Facts) -> list[str]:
    layers = [use for use in facts.uses if use.name.startswith("ConvLSTM")]
    return [use.subject for use in layers] if _masking(facts) else []


def _unrolled_backwards(facts: Facts) -> list[str]:
    both = bool(facts.used(("Bidirectional",), "layers"))
    unrolled = [use for use in facts.used(RECURRENT, "layers") if use.settings.get("unroll") is True]
    backwards = [use for use in unrolled if both or use.settings.get("go_backwards") is True]
    return [use.subject for use in backwards] if _masking(facts) else []


def _stateful_kernels(facts: Facts) -> list[str]:
    layers = [use for use in facts.used(("LSTM", "GRU"), "layers") if use.settings.get("stateful") is True]
    return [use.subject for use in layers if use.settings.get("reset_after") is not False]


def _wrapped(facts: Facts) -> list[str]:
    return [
        use.subject
        for use in facts.uses
        if use.kind in ("", "image", "layers", "ops") and use.settings.get("fill_mode") == "wrap"
    ]


def _normalized_rows(facts: Facts) -> list[str]:
    losses = facts.used(("CosineSimilarity", "cosine_similarity"), "losses")
    return [use.subject for use in [*facts.used(("UnitNormalization",), "layers"), *losses]]


def _hues(facts: Facts) -> list[str]:
    layers = facts.used(("RandomColorJitter", "RandomHue", "RandomSaturation"), "layers")
    return [use.subject for use in [*layers, *facts.used(("HSVToRGB", "hsv_to_rgb"))]]


def _classes_of_pixels(facts: Facts) -> list[str]:
    """Return convolutions that seem to give classes for each pixel: nothing takes the axes of the images away."""
    losses = facts.used(("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"), "losses")
    sparse = [use for use in losses if use.settings.get("from_logits") is not True]
    flat = [use for use in facts.uses if use.name.startswith(("Flatten", "Global", "Reshape"))]
    convolutions = [use for use in facts.uses if "Conv" in use.name and use.name.endswith(("2D", "2DTranspose"))]
    return [use.subject for use in convolutions] if sparse and not flat else []


def _softmax_of_axes(facts: Facts) -> list[str]:
    """Return functions with several axes: a file tells them, a source does not."""
    functions = [use for use in facts.uses if use.kind == "ops" and use.name in ("LogSoftmax", "Softmax")]
    return [use.subject for use in functions if isinstance(use.settings.get("axis"), list | tuple)]


def _sparse_over_inner_axis(facts: Facts) -> list[str]:
    losses = facts.used(("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"))
    return [use.subject for use in losses if _inner(use.settings.get("axis"))]


def _adjusted_scores(facts: Facts) -> list[str]:
    return [use.subject for use in facts.used(("R2Score",)) if use.settings.get("num_regressors", 0) != 0]


def _half_precision(facts: Facts) -> list[str]:
    subjects = [subject for subject, dtype in facts.dtypes if dtype in ("bfloat16", "float16")]
    everywhere = any(subject.endswith(ALL_LAYERS) for subject in subjects)
    layers = [
        *facts.used(RECURRENT, "layers"),
        *(use for use in facts.uses if "Orthogonal" in str(use.settings.get("kernel_initializer"))),
    ]
    return [use.subject for use in layers if everywhere or use.subject in subjects]


def _padded_pooling(facts: Facts) -> list[str]:
    layers = facts.used([f"AveragePooling{count}D" for count in (1, 2, 3)], "layers")
    return [use.subject for use in layers if use.settings.get("padding") == "same"]


def _other_values(facts: Facts) -> list[str]:
    return [
        use.subject
        for use in facts.used(("MultiHeadAttention",), "layers")
        if use.settings.get("value_dim") not in (None, use.settings.get("key_dim"))
    ]


def _optimizers(*names: str) -> Callable[[Facts], list[str]]:
    return lambda facts: [use.subject for use in facts.used(names, "optimizers")]


def _activated(*names: str) -> Callable[[Facts], list[str]]:
    """Return a rule: the finding concerns each layer with one of some activations, and each layer of that name."""

    def subjects(facts: Facts) -> list[str]:
        settings = ("activation", "0", "1")
        of_layers = [use.subject for use in facts.uses if any(use.settings.get(name) in names for name in settings)]
        kinked = ("LeakyReLU", "Maximum", "Minimum") if "leaky_relu" in names else ()
        return of_layers + [use.subject for use in facts.used(kinked, "layers")]

    return subjects


TABLE: dict[str, Concern] = {
    "tensorflow-squares-gradients-of-repeated-tokens-before-it-sums-them": Concern(
        "TensorFlow squares the gradient of a token that occurs twice before it sums it, so the token moves too far",
        ("tensorflow",),
        _squared_slices,
    ),
    "on-pytorch-and-tensorflow-schedulefreeadamw-takes-the-new-momentum-for-the-old": Concern(
        "from the second step on the optimizer averages the weights with the wrong momentum",
        ("torch", "tensorflow"),
        _optimizers("ScheduleFreeAdamW"),
    ),
    "unitnormalization-of-zeros-has-the-gradient-nan-on-jax-and-pytorch": Concern(
        "a row of zeros makes gradients NaN", ("jax", "torch"), _normalized_rows
    ),
    "on-jax-and-tensorflow-nadam-computes-one-minus-beta_2-in-float32": Concern(
        "the second moment of Nadam is off by one in 80,000", ("jax", "tensorflow"), _optimizers("Nadam")
    ),
    "on-pytorch-layernormalization-over-an-inner-axis-normalizes-the-last-one": Concern(
        "PyTorch normalizes the last axis, whichever was asked for", ("torch",), _inner_axis
    ),
    "on-pytorch-average-pooling-counts-its-padding": Concern(
        "on PyTorch the mean counts padding", ("torch",), _padded_pooling
    ),
    "on-tensorflow-opsadd-broadcasts-along-the-wrong-axis": Concern(
        "where the sizes fit, TensorFlow adds along the wrong axis", ("tensorflow",), _bias_elsewhere
    ),
    "rmsnormalization-over-an-inner-axis-scales-the-last-one": Concern(
        "the weights multiply the last axis, or the layer fails", TRAINING, _inner_rms
    ),
    "on-pytorch-bicubic-resizing-gives-other-images": Concern(
        "PyTorch takes another cubic kernel", ("torch",), _resized("bicubic")
    ),
    "on-pytorch-resizing-has-no-lanczos-interpolation": Concern(
        "PyTorch has no such interpolation", ("torch",), _resized("lanczos3", "lanczos5")
    ),
    "a-gaussian-blur-with-sides-of-unequal-length-is-wrong": Concern(
        "height and width of the kernel change places, or its numbers do", TRAINING, _uneven_blur
    ),
    "on-jax-and-pytorch-gaussian_blur-takes-rows-for-channels": Concern(
        "without data_format the first axis of an image is taken for its channels",
        ("jax", "torch"),
        _blur_without_format,
    ),
    "on-tensorflow-hsv_to_rgb-has-no-gradient": Concern(
        "on TensorFlow no gradient passes through, so layers before it are not trained", ("tensorflow",), _hues
    ),
    "on-pytorch-affine_transform-changes-the-transform-it-is-given": Concern(
        "on PyTorch it changes the transform that it is given",
        ("torch",),
        lambda facts: [use.subject for use in facts.used(("affine_transform",))],
    ),
    "on-jax-convlstm-applies-a-mask-to-columns-of-images": Concern(
        "with a mask the layer fails on JAX, or masks columns of images", ("jax",), _masked_images
    ),
    "on-tensorflow-affine_transform-does-not-mix-opposite-borders": Concern(
        "TensorFlow takes one pixel for what lies between the last and the first", ("tensorflow",), _wrapped
    ),
    "on-jax-a-metric-cannot-return-its-variable": Concern(
        "on JAX its result cannot be a variable as it is", ("jax",), lines_with("Metric")
    ),
    "on-pytorch-an-unrolled-layer-cannot-go-backwards-with-a-mask": Concern(
        "unrolled and backwards, the layer fails with a mask", ("torch",), _unrolled_backwards
    ),
    "on-pytorch-a-stateful-lstm-or-gru-cannot-be-trained": Concern(
        "on PyTorch a stateful layer overwrites the state that its gradient needs", ("torch",), _stateful_kernels
    ),
    "on-jax-the-metrics-of-a-training-step-count-padding": Concern(
        "in training on JAX metrics count what is masked", ("jax",), _masked_outputs
    ),
    "attention-without-a-key-is-a-mean-or-zero-as-dropout-says": Concern(
        "if all keys of a query are masked, the result is a mean or zero, as dropout says",
        TRAINING,
        _masked_attention,
    ),
    "on-pytorch-attention-without-a-key-has-a-gradient": Concern(
        "if all keys of a query are masked, gradients pass through the scores",
        ("torch",),
        _masked_attention,
    ),
    "on-pytorch-contrastlimitedadaptivehistogramequalization-rounds-its-limit": Concern(
        "PyTorch rounds the limit of the contrast down",
        ("torch",),
        _layers("ContrastLimitedAdaptiveHistogramEqualization"),
    ),
    "a-saved-model-forgets-where-its-random-numbers-were": Concern(
        "after loading, the layer draws from the beginning again",
        TRAINING,
        _seeded_dropout,
    ),
    "on-pytorch-sparse-cross-entropy-of-images-cannot-be-trained": Concern(
        "with a class for each pixel, training on PyTorch fails on a CPU", ("torch",), _classes_of_pixels
    ),
    "on-pytorch-and-tensorflow-softmax-over-two-axes-fails-in-a-functional-model": Concern(
        "over several axes it fails in a functional model", ("torch", "tensorflow"), _softmax_of_axes
    ),
    "sparsecategoricalcrossentropy-over-an-inner-axis-runs-on-pytorch-only": Concern(
        "the loss fails over any axis but the last", ("jax", "tensorflow"), _sparse_over_inner_axis
    ),
    "r2score-with-num_regressors-runs-on-pytorch-only": Concern(
        "the metric fails in compiled code", ("jax", "tensorflow"), _adjusted_scores
    ),
    "on-pytorch-train_on_batch-gives-a-metric-numpy-arrays": Concern(
        "a function that is a metric gets the targets as a NumPy array",
        ("torch",),
        lines_with("test_on_batch", "train_on_batch"),
    ),
    "activationssparsemax-takes-no-symbolic-tensor": Concern(
        "the function fails with the symbolic tensor of a functional model",
        TRAINING,
        lambda facts: [use.subject for use in facts.uses if (use.kind, use.name) == ("activations", "sparsemax")],
    ),
    "on-jax-and-pytorch-the-orthogonal-initializer-has-no-float16": Concern(
        "recurrent weights in half precision cannot be initialized", ("jax", "torch"), _half_precision
    ),
    "on-tensorflow-the-count-of-normalization-is-int64": Concern(
        "a weight of the layer is int64 on TensorFlow and int32 on the others",
        ("tensorflow",),
        _layers("Normalization"),
    ),
    "multiheadattention-with-another-value_dim-fails-on-jax": Concern(
        "values of another size than the keys fail", ("jax",), _other_values
    ),
    "on-jax-a-training-step-forgets-the-kernel-that-spectralnormalization-normalizes": Concern(
        "a training step on JAX forgets the normalized kernel, so that its norm is not bounded",
        ("jax",),
        _layers("SpectralNormalization"),
    ),
    "on-pytorch-randombrightness-changes-the-images-it-is-given": Concern(
        "on PyTorch the layer changes the images that it is given",
        ("torch",),
        _layers("RandomBrightness", "RandomColorJitter", "RandAugment"),
    ),
    "on-tensorflow-celu-has-the-gradient-2-at-zero": Concern(
        "the gradient of celu at zero is 2 in place of 1", ("tensorflow",), _activated("celu")
    ),
    "on-tensorflow-affine_transform-has-another-gradient-at-the-border": Concern(
        "the gradient by the images is wrong near the border",
        ("tensorflow",),
        _layers("RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom"),
    ),
    "at-a-kink-backends-take-different-derivatives-of-leaky_relu": Concern(
        "where a number is exactly at the kink, backends take different derivatives",
        TRAINING,
        _activated("leaky_relu", "selu", "hard_tanh"),
    ),
    "in-inference-randomcrop-returns-images-of-another-size-than-it-says": Concern(
        "in inference the images have another size than compute_output_shape says", TRAINING, _layers("RandomCrop")
    ),
    "equalization-cannot-be-a-layer-of-a-functional-model": Concern(
        "the layer cannot be part of a functional model", TRAINING, _layers("Equalization")
    ),
    "randomelastictransform-draws-one-random-number-less-on-pytorch": Concern(
        "on PyTorch the layer draws one random number less, so later batches are transformed in another way",
        ("torch",),
        _layers("RandomElasticTransform"),
    ),
    "after-set_random_seed-tensorflow-shuffles-every-epoch-alike": Concern(
        "after set_random_seed, fit on TensorFlow shuffles arrays in the same order in every epoch",
        ("tensorflow",),
        lines_with("set_random_seed"),
    ),
    "one-seed-gives-other-initial-weights-on-each-backend": Concern(
        "one seed gives other initial weights on each backend", TRAINING, _seeded
    ),
    "a-model-saved-on-pytorch-names-an-optimizer-that-needs-pytorch": Concern(
        "the file names an optimizer that needs PyTorch, so that load_model fails without it",
        ("jax", "tensorflow"),
        _torch_optimizer,
    ),
    "a-saved-model-keeps-jit_compile-as-resolved-not-as-asked-for": Concern(
        "the file sets what the backend that saved it chose, also on the others", TRAINING, _resolved_jit
    ),
    "jax-and-pytorch-skip-the-first-order-of-a-shuffled-pydataset": Concern(
        "the first fit after compile starts with the second order of a shuffled PyDataset",
        ("jax", "torch"),
        lines_with("PyDataset"),
    ),
    "pydataseton_epoch_end-is-called-before-the-first-epoch": Concern(
        "on_epoch_end of a PyDataset is called before the first epoch as well", TRAINING, _epoch_ends
    ),
    "jax-and-pytorch-give-no-gradient-for-a-saturated-sigmoid": Concern(
        "binary cross-entropy has no gradient where the sigmoid is within 1e-7 of 0 or 1",
        ("jax", "torch"),
        _saturated,
    ),
    "operations-on-float64-give-float32-on-jax-and-pytorch": Concern(
        "some operations on float64 give float32", ("jax", "torch"), _float64
    ),
    "simplernn-does-not-run-in-float64-on-jax": Concern(
        "a recurrent layer does not run in float64", ("jax",), _recurrent_float64
    ),
    "on-tensorflow-a-python-number-cast-to-float64-is-rounded-first": Concern(
        "a Python number is rounded to float32 before it becomes float64, as constants and Adam's betas are",
        ("tensorflow",),
        _rounded_numbers,
    ),
    "a-training-restored-by-backupandrestore-sees-another-order": Concern(
        "a training that BackupAndRestore restores sees its examples in another order",
        ("jax", "torch"),
        lines_with("BackupAndRestore"),
    ),
    "a-training-restored-within-an-epoch-repeats-its-batches": Concern(
        "a training that BackupAndRestore restores within an epoch repeats its batches",
        TRAINING,
        _restored_within_epoch,
    ),
    "pytorch-and-tensorflow-take-no-notice-of-a-distribution": Concern(
        "a keras.distribution has no effect",
        ("torch", "tensorflow"),
        lines_with("DataParallel", "ModelParallel", "DeviceMesh", "set_distribution"),
    ),
    "weights-of-a-subclassed-layer-do-not-load-into-its-base": Concern(
        "weights that it saves do not load into the layer of Keras that it extends", TRAINING, _subclassed_layers
    ),
    "in-safe-mode-load_model-still-calls-functions-a-file-names": Concern(
        "load_model calls functions that a file names, also in safe mode", TRAINING, lines_with("load_model")
    ),
    "modelcheckpoint-makes-callbacks-wait-for-every-batch": Concern(
        "this callback makes all callbacks wait for each batch",
        ("jax", "torch"),
        lines_with("ModelCheckpoint", "BackupAndRestore"),
    ),
    "sklearnclassifier-cannot-fit-a-model-with-one-sigmoid-output": Concern(
        "the wrapper cannot fit a model with one sigmoid output", TRAINING, lines_with("SKLearnClassifier")
    ),
}

# Slug -> why no model is concerned more than another.
NOT_ABOUT_A_MODEL: dict[str, str] = {
    "the-numpy-backend-needs-jax": "it is about what must be installed, for any model",
}
