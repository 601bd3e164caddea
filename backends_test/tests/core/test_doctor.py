"""The doctor names what can make a model differ between backends, and covers every finding of the page."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backends_test.any_model.doctor import Diagnosis, diagnose, examine, exit_code
from backends_test.any_model.errors import SourceError
from backends_test.any_model.findings_table import NOT_ABOUT_A_MODEL, PAGE, TABLE
from backends_test.findings import findings
from imdb_rnn.backends import TRAINING_BACKENDS

DATA = Path(__file__).parents[1] / "data"
SLUGS = {finding.slug: finding for finding in findings()}


def layer(class_name: str, module: str = "keras.layers", dtype: str = "float32", **config: Any) -> dict[str, Any]:
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype}, "registered_name": None}
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": class_name.lower(), "dtype": policy, **config},
        "registered_name": None,
    }


def optimizer(class_name: str, module: str = "keras.optimizers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": {"name": class_name.lower(), **config}}


def model(*layers: Any, **compiled: Any) -> dict[str, Any]:
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "model", "layers": list(layers)}}
    return config | ({"compile_config": compiled} if compiled else {})


def slugs(diagnoses: Sequence[Diagnosis]) -> set[str]:
    return {diagnosis.link.partition("#")[2] for diagnosis in diagnoses if diagnosis.level == "finding"}


def test_every_finding_of_the_page_is_in_the_table_or_is_not_about_a_model() -> None:
    assert not set(TABLE) & set(NOT_ABOUT_A_MODEL)
    assert {*TABLE, *NOT_ABOUT_A_MODEL} == set(SLUGS)


@pytest.mark.parametrize("slug", TABLE)
def test_a_row_names_backends_of_its_finding(slug: str) -> None:
    # A finding may be about what the other backends do with what this one wrote, or about how backends differ.
    named = {*SLUGS[slug].holds, *SLUGS[slug].fails}
    assert set(TABLE[slug].backends) <= {*named, *TRAINING_BACKENDS}
    assert not TABLE[slug].message.endswith(".")


# Slug -> (what it concerns, what it does not).
CONFIGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "tensorflow-squares-gradients-of-repeated-tokens-before-it-sums-them": (
        model(layer("Embedding"), optimizer=optimizer("Adam")),
        model(layer("Embedding"), optimizer=optimizer("SGD", clipnorm=None)),
    ),
    "one-seed-gives-other-initial-weights-on-each-backend": (
        model(layer("Dense", kernel_initializer=layer("GlorotUniform", "keras.initializers", seed=1))),
        model(layer("Dense", kernel_initializer=layer("GlorotUniform", "keras.initializers", seed=None))),
    ),
    "on-pytorch-and-tensorflow-schedulefreeadamw-takes-the-new-momentum-for-the-old": (
        model(layer("Dense"), optimizer=optimizer("ScheduleFreeAdamW")),
        model(layer("Dense"), optimizer=optimizer("AdamW")),
    ),
    "unitnormalization-of-zeros-has-the-gradient-nan-on-jax-and-pytorch": (
        model(layer("UnitNormalization")),
        model(layer("LayerNormalization")),
    ),
    "on-jax-and-tensorflow-nadam-computes-one-minus-beta_2-in-float32": (
        model(layer("Dense"), optimizer=optimizer("Nadam")),
        model(layer("Dense"), optimizer=optimizer("Adam")),
    ),
    "on-pytorch-layernormalization-over-an-inner-axis-normalizes-the-last-one": (
        model(layer("LayerNormalization", axis=1)),
        model(layer("LayerNormalization", axis=-1)),
    ),
    "on-pytorch-average-pooling-counts-its-padding": (
        model(layer("AveragePooling2D", padding="same")),
        model(layer("AveragePooling2D", padding="valid")),
    ),
    "on-tensorflow-opsadd-broadcasts-along-the-wrong-axis": (
        model(layer("EinsumDense", equation="ab,bcd->acd", bias_axes="c")),
        model(layer("Conv2D", data_format="channels_last"), layer("EinsumDense", equation="ab,bc->ac", bias_axes="c")),
    ),
    "rmsnormalization-over-an-inner-axis-scales-the-last-one": (
        model(layer("RMSNormalization", axis=[1])),
        model(layer("LayerNormalization", axis=1)),
    ),
    "on-pytorch-bicubic-resizing-gives-other-images": (
        model(layer("Resizing", interpolation="bicubic")),
        model(layer("Resizing", interpolation="bilinear")),
    ),
    "on-pytorch-resizing-has-no-lanczos-interpolation": (
        model(layer("Resizing", interpolation="lanczos3")),
        model(layer("Resizing", interpolation="bicubic")),
    ),
    "a-gaussian-blur-with-sides-of-unequal-length-is-wrong": (
        model(layer("RandomGaussianBlur", kernel_size=[3, 5])),
        model(layer("RandomGaussianBlur", kernel_size=[3, 3])),
    ),
    "on-tensorflow-hsv_to_rgb-has-no-gradient": (
        model(layer("RandomHue")),
        model(layer("RandomContrast")),
    ),
    "on-jax-convlstm-applies-a-mask-to-columns-of-images": (
        model(layer("Masking"), layer("ConvLSTM2D")),
        model(layer("ConvLSTM2D")),
    ),
    "on-tensorflow-affine_transform-does-not-mix-opposite-borders": (
        model(layer("RandomZoom", fill_mode="wrap")),
        model(layer("RandomZoom", fill_mode="reflect")),
    ),
    "on-pytorch-an-unrolled-layer-cannot-go-backwards-with-a-mask": (
        model(layer("Masking"), layer("GRU", unroll=True, go_backwards=True)),
        model(layer("Masking"), layer("GRU", unroll=True, go_backwards=False)),
    ),
    "on-pytorch-a-stateful-lstm-or-gru-cannot-be-trained": (
        model(layer("LSTM", stateful=True)),
        model(layer("GRU", stateful=True, reset_after=False), layer("SimpleRNN", stateful=True)),
    ),
    "on-jax-the-metrics-of-a-training-step-count-padding": (
        model(layer("Embedding", mask_zero=True), layer("GRU", return_sequences=True), layer("Dense")),
        model(layer("Embedding", mask_zero=True), layer("GRU", return_sequences=False), layer("Dense")),
    ),
    "attention-without-a-key-is-a-mean-or-zero-as-dropout-says": (
        model(layer("Embedding", mask_zero=True), layer("MultiHeadAttention")),
        model(layer("Embedding", mask_zero=False), layer("MultiHeadAttention")),
    ),
    "on-pytorch-attention-without-a-key-has-a-gradient": (
        model(layer("Masking"), layer("GroupedQueryAttention")),
        model(layer("GroupedQueryAttention")),
    ),
    "on-pytorch-contrastlimitedadaptivehistogramequalization-rounds-its-limit": (
        model(layer("ContrastLimitedAdaptiveHistogramEqualization")),
        model(layer("AutoContrast")),
    ),
    "a-saved-model-forgets-where-its-random-numbers-were": (
        model(layer("SpatialDropout1D", seed=1)),
        model(layer("SpatialDropout1D", seed=None)),
    ),
    "on-pytorch-sparse-cross-entropy-of-images-cannot-be-trained": (
        model(layer("Conv2D"), loss="sparse_categorical_crossentropy"),
        model(layer("Conv2D"), layer("GlobalAveragePooling2D"), loss="sparse_categorical_crossentropy"),
    ),
    "on-pytorch-and-tensorflow-softmax-over-two-axes-fails-in-a-functional-model": (
        model(layer("Softmax", "keras.src.ops.nn", axis=[1, 2])),
        model(layer("Softmax", axis=[1, 2]), layer("Softmax", "keras.src.ops.nn", axis=-1)),
    ),
    "r2score-with-num_regressors-runs-on-pytorch-only": (
        model(metrics=[layer("R2Score", "keras.metrics", num_regressors=1)]),
        model(metrics=[layer("R2Score", "keras.metrics", num_regressors=0)]),
    ),
    "on-jax-and-pytorch-the-orthogonal-initializer-has-no-float16": (
        model(layer("GRU", dtype="float16")),
        model(layer("GRU", dtype="mixed_float16"), layer("Dense", dtype="float16")),
    ),
    "on-tensorflow-the-count-of-normalization-is-int64": (
        model(layer("Normalization")),
        model(layer("BatchNormalization")),
    ),
    "multiheadattention-with-another-value_dim-fails-on-jax": (
        model(layer("MultiHeadAttention", key_dim=3, value_dim=5)),
        model(layer("MultiHeadAttention", key_dim=3, value_dim=3)),
    ),
    "on-jax-a-training-step-forgets-the-kernel-that-spectralnormalization-normalizes": (
        model(layer("SpectralNormalization")),
        model(layer("UnitNormalization")),
    ),
    "on-pytorch-randombrightness-changes-the-images-it-is-given": (
        model(layer("RandomColorJitter")),
        model(layer("RandomContrast")),
    ),
    "on-tensorflow-celu-has-the-gradient-2-at-zero": (
        model(layer("Dense", activation="celu")),
        model(layer("Dense", activation="elu")),
    ),
    "on-tensorflow-affine_transform-has-another-gradient-at-the-border": (
        model(layer("RandomZoom")),
        model(layer("RandomFlip")),
    ),
    "at-a-kink-backends-take-different-derivatives-of-leaky_relu": (
        model(layer("LeakyReLU")),
        model(layer("Dense", activation="gelu")),
    ),
    "in-inference-randomcrop-returns-images-of-another-size-than-it-says": (
        model(layer("RandomCrop")),
        model(layer("CenterCrop")),
    ),
    "equalization-cannot-be-a-layer-of-a-functional-model": (
        model(layer("Equalization")),
        model(layer("AutoContrast")),
    ),
    "randomelastictransform-draws-one-random-number-less-on-pytorch": (
        model(layer("RandomElasticTransform")),
        model(layer("RandomErasing")),
    ),
    "a-model-saved-on-pytorch-names-an-optimizer-that-needs-pytorch": (
        model(optimizer=optimizer("Adam", "keras.src.backend.torch.optimizers.torch_adam")),
        model(optimizer=optimizer("Adam")),
    ),
    "a-saved-model-keeps-jit_compile-as-resolved-not-as-asked-for": (
        model(jit_compile=True),
        model(jit_compile="auto"),
    ),
    "jax-and-pytorch-give-no-gradient-for-a-saturated-sigmoid": (
        model(layer("Dense", activation="sigmoid"), loss={"dense": "binary_crossentropy"}),
        # The gates of an LSTM are no scores.
        model(layer("LSTM", recurrent_activation="sigmoid"), layer("Dense"), loss="binary_crossentropy"),
    ),
    "operations-on-float64-give-float32-on-jax-and-pytorch": (
        model(layer("Dense", dtype="float64")),
        model(layer("Dense")),
    ),
    "simplernn-does-not-run-in-float64-on-jax": (
        model(layer("SimpleRNN", dtype="float64")),
        model(layer("SimpleRNN"), layer("Dense", dtype="float64")),
    ),
    "on-tensorflow-a-python-number-cast-to-float64-is-rounded-first": (
        model(layer("Dense", dtype="float64"), optimizer=optimizer("Adam")),
        model(layer("Dense"), optimizer=optimizer("Adam")),
    ),
}

HEAD = "import keras\nfrom keras import layers\n"
SOURCES: dict[str, tuple[str, str]] = {
    "tensorflow-squares-gradients-of-repeated-tokens-before-it-sums-them": (
        "model.add(layers.Embedding(3, 1))\nmodel.compile('adamax', 'mse')",
        "model.add(layers.Embedding(3, 1))\nmodel.compile('sgd', 'mse')",
    ),
    "on-tensorflow-opsadd-broadcasts-along-the-wrong-axis": (
        "layers.Conv2D(3, 3, data_format='channels_first')",
        "model.add(layers.Add()([x, y]))\nlayers.MultiHeadAttention(2, key_dim=4)",
    ),
    "unitnormalization-of-zeros-has-the-gradient-nan-on-jax-and-pytorch": (
        "model.compile('sgd', 'cosine_similarity')",
        "model.compile('sgd', 'mse')",
    ),
    "on-pytorch-bicubic-resizing-gives-other-images": (
        "keras.ops.image.resize(x, (4, 4), interpolation='bicubic')",
        "keras.ops.image.resize(x, (4, 4))",
    ),
    "on-pytorch-affine_transform-changes-the-transform-it-is-given": (
        "keras.ops.image.affine_transform(x, transform)",
        "layers.RandomZoom(0.1)",
    ),
    "on-jax-a-metric-cannot-return-its-variable": (
        "class Mine(keras.metrics.Metric):\n    pass",
        "keras.metrics.Mean()",
    ),
    "on-jax-and-pytorch-gaussian_blur-takes-rows-for-channels": (
        "keras.ops.image.gaussian_blur(x)",
        "keras.ops.image.gaussian_blur(x, data_format='channels_last')",
    ),
    "on-tensorflow-hsv_to_rgb-has-no-gradient": ("keras.ops.image.hsv_to_rgb(x)", "keras.ops.image.rgb_to_hsv(x)"),
    "on-pytorch-layernormalization-over-an-inner-axis-normalizes-the-last-one": (
        "layers.RMSNormalization(axis=1)",
        "layers.RMSNormalization(axis=-1)\nlayers.LayerNormalization()",
    ),
    "sparsecategoricalcrossentropy-over-an-inner-axis-runs-on-pytorch-only": (
        "keras.losses.SparseCategoricalCrossentropy(axis=1)",
        "keras.losses.SparseCategoricalCrossentropy(ignore_class=1, axis=-1)",
    ),
    "on-pytorch-train_on_batch-gives-a-metric-numpy-arrays": ("model.train_on_batch(x, y)", "model.fit(x, y)"),
    "activationssparsemax-takes-no-symbolic-tensor": (
        "keras.activations.sparsemax(x)",
        "keras.ops.sparsemax(x)\nlayers.Activation('sparsemax')",
    ),
    "at-a-kink-backends-take-different-derivatives-of-leaky_relu": ("layers.Maximum()", "layers.Average()"),
    "after-set_random_seed-tensorflow-shuffles-every-epoch-alike": ("keras.utils.set_random_seed(1)", "seed = 1"),
    "one-seed-gives-other-initial-weights-on-each-backend": (
        "keras.initializers.GlorotUniform(seed=1)",
        "keras.initializers.GlorotUniform()",
    ),
    "jax-and-pytorch-skip-the-first-order-of-a-shuffled-pydataset": (
        "class Data(keras.utils.PyDataset):\n    pass",
        "class Data:\n    pass",
    ),
    "pydataseton_epoch_end-is-called-before-the-first-epoch": (
        "class Data(keras.utils.PyDataset):\n    def on_epoch_end(self):\n        pass",
        "class Note(keras.callbacks.Callback):\n    def on_epoch_end(self):\n        pass",
    ),
    "jax-and-pytorch-give-no-gradient-for-a-saturated-sigmoid": (
        "layers.Dense(1, 'sigmoid')\nmodel.compile(loss=keras.losses.BinaryCrossentropy())",
        "layers.Dense(1, 'sigmoid')\nmodel.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))",
    ),
    "operations-on-float64-give-float32-on-jax-and-pytorch": (
        "keras.config.set_floatx('float64')",
        "x = np.zeros(3, dtype='float64')",
    ),
    "simplernn-does-not-run-in-float64-on-jax": (
        "keras.config.set_floatx('float64')\nlayers.LSTM(3)",
        "layers.LSTM(3)\nlayers.Dense(1, dtype='float64')",
    ),
    "on-tensorflow-a-python-number-cast-to-float64-is-rounded-first": (
        "keras.config.set_floatx('float64')\nkeras.optimizers.Adam()",
        "keras.optimizers.Adam()",
    ),
    "a-training-restored-by-backupandrestore-sees-another-order": (
        "keras.callbacks.BackupAndRestore('folder')",
        "keras.callbacks.EarlyStopping()",
    ),
    "a-training-restored-within-an-epoch-repeats-its-batches": (
        "keras.callbacks.BackupAndRestore('folder', save_freq=2)",
        "keras.callbacks.BackupAndRestore('folder')",
    ),
    "pytorch-and-tensorflow-take-no-notice-of-a-distribution": ("keras.distribution.DataParallel()", "pass"),
    "weights-of-a-subclassed-layer-do-not-load-into-its-base": (
        "class Mine(layers.SimpleRNN):\n    pass",
        "class Mine(layers.Layer):\n    pass",
    ),
    "in-safe-mode-load_model-still-calls-functions-a-file-names": ("keras.models.load_model('a.keras')", "pass"),
    "modelcheckpoint-makes-callbacks-wait-for-every-batch": (
        "from keras.callbacks import ModelCheckpoint\nModelCheckpoint('a.keras')",
        "pass",
    ),
    "sklearnclassifier-cannot-fit-a-model-with-one-sigmoid-output": (
        "keras.wrappers.SKLearnClassifier(model)",
        "pass",
    ),
}


def test_every_row_is_tried() -> None:
    assert {*CONFIGS, *SOURCES} == set(TABLE)


@pytest.mark.parametrize("slug", CONFIGS)
def test_a_finding_is_seen_in_a_file_that_it_concerns_only(slug: str) -> None:
    concerned, other = CONFIGS[slug]
    assert slug in slugs(diagnose(concerned, None, TRAINING_BACKENDS))
    assert slug not in slugs(diagnose(other, None, TRAINING_BACKENDS))


@pytest.mark.parametrize("slug", SOURCES)
def test_a_finding_is_seen_in_a_source_that_it_concerns_only(slug: str) -> None:
    concerned, other = SOURCES[slug]
    assert slug in slugs(diagnose(None, HEAD + concerned, TRAINING_BACKENDS))
    assert slug not in slugs(diagnose(None, HEAD + other, TRAINING_BACKENDS))


@pytest.mark.parametrize("call", ["keras.ops.add(x, y)", "layers.MultiHeadAttention(2, key_dim=1)"])
def test_what_adds_along_the_wrong_axis_is_seen(call: str) -> None:
    assert slugs(diagnose(None, HEAD + call, TRAINING_BACKENDS)) == {
        "on-tensorflow-opsadd-broadcasts-along-the-wrong-axis"
    }


def test_clipping_squares_gradients_too() -> None:
    found = diagnose(model(layer("Embedding"), optimizer=optimizer("SGD", clipnorm=1.0)), None, TRAINING_BACKENDS)
    assert [(one.subject, one.backends) for one in found] == [("embedding (Embedding) with SGD", ("tensorflow",))]


def test_a_diagnosis_is_one_line_with_its_backends_and_a_link() -> None:
    (found,) = diagnose(model(layer("Embedding"), optimizer=optimizer("Adam")), None, TRAINING_BACKENDS)
    slug = "tensorflow-squares-gradients-of-repeated-tokens-before-it-sums-them"
    assert str(found) == (
        "finding: embedding (Embedding) with Adam: TensorFlow squares the gradient of a token that occurs twice before "
        f"it sums it, so the token moves too far [TensorFlow] {PAGE}#{slug}"
    )


def test_backends_that_are_not_asked_for_are_left_out() -> None:
    config = model(layer("Embedding"), optimizer=optimizer("Adam"))
    assert diagnose(config, None, ["jax", "torch"]) == []
    assert exit_code(diagnose(config, None, ["jax"])) == 0
    assert exit_code(diagnose(config, None, ["tensorflow"])) == 1


def messages(text: str, backends: Sequence[str] = TRAINING_BACKENDS) -> list[tuple[str, str, tuple[str, ...]]]:
    found = diagnose(None, text, backends)
    return [(one.subject, one.message, one.backends) for one in found if one.level == "warning"]


@pytest.mark.parametrize(
    ("text", "subject", "message", "backends"),
    [
        (
            "import torch\n\n\ny = torch.relu(x)\nz = torch.relu(y)",
            "lines 4, 5",
            "torch.relu runs on PyTorch only",
            ("jax", "tensorflow"),
        ),
        (
            "from torch.nn.functional import relu as r\ny = r(x)",
            "line 2",
            "torch.nn.functional.relu",
            ("jax", "tensorflow"),
        ),
        (
            "import jax.numpy as jnp\ny = jnp.exp(x)",
            "line 2",
            "jax.numpy.exp runs on JAX only",
            ("torch", "tensorflow"),
        ),
        (
            "import tensorflow as tf\n@tf.function\ndef f(): pass",
            "line 2",
            "tf.function compiles for",
            ("jax", "torch"),
        ),
        ("import tensorflow as tf\ntf.data.Dataset.range(3)", "line 2", "needs TensorFlow installed", ("jax", "torch")),
        ("from tensorflow import keras", "line 1", "import keras instead", ("jax", "torch")),
        ("y = x.detach()", "line 1", ".detach() is a method of PyTorch's tensors only", ("jax", "tensorflow")),
    ],
    ids=["torch", "alias", "jnp", "tf.function", "tf.data", "tf.keras", "detach"],
)
def test_frameworks_in_a_source_are_named_with_their_lines(
    text: str, subject: str, message: str, backends: tuple[str, ...]
) -> None:
    ((line, found, others),) = messages(text)
    assert (line, others) == (subject, backends)
    assert message in found


LAYER = (
    "import keras\nimport numpy as np\nclass Mine(keras.layers.Layer):\n"
    "    def call(self, x, training=False):\n        "
)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("return np.mean(x)", "np.mean gets a tensor"),
        ("return x.numpy()", ".numpy() on a tensor fails"),
        ("if x > 0: return x", "a condition on the values of a tensor"),
        ("while 0 < x: x = x - 1", "a condition on the values of a tensor"),
    ],
)
def test_what_fails_in_a_compiled_layer_is_told(statement: str, message: str) -> None:
    ((line, found, _),) = messages(LAYER + statement)
    assert line == "line 5"
    assert message in found


@pytest.mark.parametrize(
    "text",
    [
        LAYER + "if training: return x",
        LAYER + "if x is None: return x",
        LAYER + "if x.shape[0] == 3: return x",
        LAYER + "if keras.backend.backend() == 'torch': x = x.detach()",
        LAYER + "return np.prod(x.shape)",
        LAYER + "return keras.ops.relu(x)",
        "import numpy as np\ny = np.mean(x)",
        "import torch",
        "y = keras.Variable(1.0).numpy()",
    ],
)
def test_what_runs_everywhere_is_not_told(text: str) -> None:
    assert messages(text) == []


@pytest.mark.parametrize(
    ("config", "message", "backends"),
    [
        (layer("Lambda"), "holds a Lambda layer", TRAINING_BACKENDS),
        (layer("Mine", "my_layers"), "holds my_layers.Mine", TRAINING_BACKENDS),
        (layer("StringLookup"), "needs TensorFlow installed", ("jax", "torch")),
        (layer("BatchNormalization", synchronized=True), "with synchronized=True", ("jax", "torch")),
        (layer("InputLayer", sparse=True), "with sparse=True", ("torch",)),
        (layer("InputLayer", ragged=True), "with ragged=True", ("jax", "torch")),
    ],
    ids=["Lambda", "own", "lookup", "synchronized", "sparse", "ragged"],
)
def test_what_does_not_load_or_run_elsewhere_is_an_error(
    config: dict[str, Any], message: str, backends: tuple[str, ...]
) -> None:
    (found,) = diagnose(model(config), None, TRAINING_BACKENDS)
    assert found.level == "error"
    assert message in found.message
    assert found.backends == tuple(backends)


def test_a_mixed_precision_is_a_warning() -> None:
    (found,) = diagnose(model(layer("Dense", dtype="mixed_bfloat16")), None, TRAINING_BACKENDS)
    assert (found.level, found.subject) == ("warning", "dense (Dense)")


def test_an_operation_that_a_backend_lacks_is_an_error() -> None:
    operation = {"module": "keras.src.ops.linalg", "class_name": "SVD", "config": {"name": "svd"}}
    named = "import keras\ny = keras.ops.svd(x)"
    assert diagnose(None, named, TRAINING_BACKENDS) == []
    for found in (diagnose(None, named, ["openvino"]), diagnose(model(operation), None, ["openvino"])):
        assert [one.message for one in found] == ["keras.ops.svd is not implemented"]


def test_errors_come_first() -> None:
    config = model(
        layer("Embedding"), layer("Dense", dtype="mixed_float16"), layer("Lambda"), optimizer=optimizer("Adam")
    )
    assert [one.level for one in diagnose(config, None, TRAINING_BACKENDS)] == ["error", "warning", "finding"]


def test_a_file_is_examined(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(model(layer("Lambda"))))
        archive.writestr("model.weights.h5", "")
    # Reading runs nothing, so that no trust is needed.
    assert [one.level for one in examine(str(tmp_path / "model.keras"), TRAINING_BACKENDS)] == ["error"]
    saved = DATA / "tutorial" / "best-embedding-model.keras"
    assert "tensorflow-squares-gradients-of-repeated-tokens-before-it-sums-them" in slugs(
        examine(str(saved), TRAINING_BACKENDS)
    )


def test_a_source_is_examined_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError", encoding="utf-8")
    (package / "models.py").write_text(
        "import torch\nraise AssertionError(torch.relu)\ndef build(): pass", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    for name in ("package.models:build", "package/models.py:build"):
        assert [one.subject for one in examine(name, TRAINING_BACKENDS)] == ["line 2"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("models.py:other", r"Expected: a function 'other' in models\.py\. Received: a file without it\."),
        ("nowhere.py:build", r"Cannot read nowhere\.py\. Expected: a Python file in UTF-8\."),
        ("nowhere.models:build", r"Cannot read nowhere\.models\. Expected: a module .* Received: no 'nowhere' there\."),
        ("wrong.py:build", r"Cannot read wrong\.py, line 1\. Expected: Python source\."),
        ("latin.py:build", r"Cannot read latin\.py\. Expected: a Python file in UTF-8\."),
        ("math:sin", r"Cannot read math\. Expected: a module "),
        ("model.keras", r"Received: no such file"),
    ],
)
def test_what_cannot_be_examined_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models.py").write_text("def build(): pass", encoding="utf-8")
    (tmp_path / "wrong.py").write_text("def build(:", encoding="utf-8")
    (tmp_path / "latin.py").write_bytes("# \xe9".encode("latin-1"))
    with pytest.raises(SourceError, match=message) as refused:
        examine(name, TRAINING_BACKENDS)
    assert "\n" not in str(refused.value)
