"""Cases of whole models, one per kind of task."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from backends_test.keras_cases import data
from backends_test.keras_cases.case import Case

VOCABULARY = 20
LENGTH = 10
IMAGE = (16, 16, 3)


@keras.saving.register_keras_serializable("keras_cases")
class Sampling(keras.layers.Layer):  # type: ignore[misc]  # untyped where it is checked
    """Draws a code from a normal distribution, and adds its distance to the standard normal one to the loss."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.seed_generator = keras.random.SeedGenerator(7)

    def call(self, inputs: Any) -> Any:
        mean, log_variance = inputs
        self.add_loss(-0.5 * keras.ops.mean(1 + log_variance - mean**2 - keras.ops.exp(log_variance)))
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed_generator)
        return mean + keras.ops.exp(0.5 * log_variance) * noise


@keras.saving.register_keras_serializable("keras_cases")
class Positions(keras.layers.Layer):  # type: ignore[misc]  # untyped where it is checked
    """Adds a learned embedding of the position to every step of a sequence."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.embedding = keras.layers.Embedding(shape[1], shape[2])
        self.embedding.build((shape[1],))

    def call(self, inputs: Any) -> Any:
        return inputs + self.embedding(keras.ops.arange(keras.ops.shape(inputs)[1]))


@keras.saving.register_keras_serializable("keras_cases")
class Patches(keras.layers.Layer):  # type: ignore[misc]  # untyped where it is checked
    """Cuts images of 16 x 16 into 16 flat patches of 4 x 4."""

    def call(self, inputs: Any) -> Any:
        patches = keras.ops.image.extract_patches(inputs, 4)
        return keras.ops.reshape(patches, (-1, 16, 48))


@keras.saving.register_keras_serializable("keras_cases")
class ClassToken(keras.layers.Layer):  # type: ignore[misc]  # untyped where it is checked
    """Puts a learned token in front of a sequence."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.token = self.add_weight(shape=(1, 1, shape[2]), initializer="random_normal", name="token")

    def call(self, inputs: Any) -> Any:
        tokens = keras.ops.repeat(self.token, keras.ops.shape(inputs)[0], axis=0)
        return keras.ops.concatenate([tokens, inputs], axis=1)


@keras.saving.register_keras_serializable("keras_cases")
class Classifier(keras.Model):  # type: ignore[misc]  # untyped where it is checked
    """A subclassed model with layers in a list."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.hidden = [keras.layers.Dense(6, activation="relu"), keras.layers.BatchNormalization()]
        self.outputs_layer = keras.layers.Dense(3, activation="softmax")

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.hidden[0].build(shape)
        self.hidden[1].build((shape[0], 6))
        self.outputs_layer.build((shape[0], 6))

    def call(self, inputs: Any, training: bool = False) -> Any:
        dense, normalization = self.hidden
        return self.outputs_layer(normalization(dense(inputs), training=training))


def _transformer(inputs: Any, width: int, causal: bool = False) -> Any:
    """Applies a block of attention and dense layers, each with a residual connection."""
    layers = keras.layers
    normed = layers.LayerNormalization(epsilon=1e-6)(inputs)
    attended = layers.MultiHeadAttention(2, width // 2, dropout=0.1)(normed, normed, use_causal_mask=causal)
    inputs = layers.Add()([inputs, attended])
    normed = layers.LayerNormalization(epsilon=1e-6)(inputs)
    hidden = layers.Dense(2 * width, activation="gelu")(normed)
    return layers.Add()([inputs, layers.Dropout(0.1)(layers.Dense(width)(hidden))])


def text_cnn() -> keras.Model:
    """Classifies texts by convolutions of three widths."""
    layers = keras.layers
    ids = keras.Input((LENGTH,), dtype="int32")
    embedded = layers.Dropout(0.3)(layers.Embedding(VOCABULARY, 8)(ids))
    pooled = [layers.GlobalMaxPooling1D()(layers.Conv1D(4, size, activation="relu")(embedded)) for size in (2, 3, 4)]
    model = keras.Model(ids, layers.Dense(1, activation="sigmoid")(layers.Concatenate()(pooled)))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def text_lstm() -> keras.Model:
    """Classifies padded texts by an LSTM in both directions."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            layers.Embedding(VOCABULARY, 6, mask_zero=True),
            layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
            layers.Bidirectional(layers.LSTM(3)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def text_transformer() -> keras.Model:
    """Classifies texts by a transformer encoder with token and position embeddings."""
    layers = keras.layers
    ids = keras.Input((LENGTH,), dtype="int32")
    encoded = _transformer(Positions()(layers.Embedding(VOCABULARY, 8)(ids)), 8)
    model = keras.Model(ids, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling1D()(encoded)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def image_cnn() -> keras.Model:
    """Classifies images by convolutions, after random augmentation."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(IMAGE),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.3),
            layers.Dense(5),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return model


def residual_network() -> keras.Model:
    """Classifies images by separable convolutions with residual connections."""
    layers = keras.layers
    images = keras.Input(IMAGE)
    features = layers.Conv2D(4, 3, strides=2, padding="same")(layers.Rescaling(1 / 255)(images))
    for filters in (6, 8):
        shortcut = layers.Conv2D(filters, 1, strides=2, padding="same")(features)
        features = layers.Activation("relu")(features)
        features = layers.BatchNormalization()(layers.SeparableConv2D(filters, 3, padding="same")(features))
        features = layers.MaxPooling2D(3, strides=2, padding="same")(features)
        features = layers.Add()([features, shortcut])
    model = keras.Model(images, layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(features)))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
    return model


def vision_transformer() -> keras.Model:
    """Classifies images by a transformer over patches."""
    layers = keras.layers
    images = keras.Input(IMAGE)
    patches = layers.Dense(8)(Patches()(layers.Rescaling(1 / 127.5, offset=-1)(images)))
    encoded = Positions()(ClassToken()(patches))
    for _ in range(2):
        encoded = _transformer(encoded, 8)
    encoded = layers.LayerNormalization(epsilon=1e-6)(encoded)
    model = keras.Model(images, layers.Dense(5)(encoded[:, 0]))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-4), loss)
    return model


def forecast_lstm() -> keras.Model:
    """Predicts the next value of a time series by stacked recurrent layers."""
    layers = keras.layers
    inputs = keras.Input((12, 3))
    hidden = layers.GRU(5)(layers.LSTM(6, return_sequences=True, recurrent_dropout=0.1)(inputs))
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    model.compile(keras.optimizers.RMSprop(1e-3), "mse", metrics=["mae"])
    return model


def forecast_transformer() -> keras.Model:
    """Classifies a time series by a transformer with convolutions instead of dense layers."""
    layers = keras.layers
    inputs = keras.Input((12, 2))
    attended = layers.MultiHeadAttention(2, 4, dropout=0.1)(inputs, inputs)
    residual = layers.LayerNormalization(epsilon=1e-6)(attended) + inputs
    hidden = layers.Conv1D(2, 1)(layers.Dropout(0.1)(layers.Conv1D(4, 1, activation="relu")(residual)))
    encoded = layers.LayerNormalization(epsilon=1e-6)(hidden) + residual
    pooled = layers.GlobalAveragePooling1D(data_format="channels_last")(encoded)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(pooled))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["sparse_categorical_accuracy"])
    return model


def tabular() -> keras.Model:
    """Predicts from numbers and categories, given by name."""
    layers = keras.layers
    inputs = {
        "age": keras.Input((1,), name="age"),
        "income": keras.Input((1,), name="income"),
        "job": keras.Input((1,), dtype="int32", name="job"),
        "region": keras.Input((1,), dtype="int32", name="region"),
    }
    columns = [layers.Normalization(mean=40.0, variance=100.0)(inputs["age"]), inputs["income"]]
    columns += [layers.Flatten()(layers.Embedding(6, 3)(inputs[name])) for name in ("job", "region")]
    columns.append(layers.CategoryEncoding(num_tokens=6, output_mode="one_hot")(inputs["region"]))
    features = layers.Concatenate()(columns)
    wide = layers.Dense(1)(features)
    hidden = layers.Dense(8)(features)
    hidden = layers.Dropout(0.2)(layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization()(hidden)))
    model = keras.Model(inputs, layers.Activation("sigmoid")(wide + layers.Dense(1)(hidden)))
    model.compile("adam", "binary_crossentropy", metrics=[keras.metrics.AUC(name="auc")])
    return model


def autoencoder() -> keras.Model:
    """Compresses images and restores them by transposed convolutions."""
    layers = keras.layers
    images = keras.Input((16, 16, 1))
    code = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(images)
    code = layers.Conv2D(2, 3, strides=2, padding="same", activation="relu")(code)
    restored = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(code)
    restored = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(restored)
    model = keras.Model(images, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(restored))
    model.compile("adam", "binary_crossentropy")
    return model


def variational_autoencoder() -> keras.Model:
    """Compresses images to a distribution and restores them from a random code."""
    layers = keras.layers
    images = keras.Input((8, 8, 1))
    hidden = layers.Dense(8, activation="relu")(layers.Flatten()(images))
    code = Sampling()([layers.Dense(2)(hidden), layers.Dense(2)(hidden)])
    restored = layers.Dense(64, activation="sigmoid")(layers.Dense(8, activation="relu")(code))
    model = keras.Model(images, layers.Reshape((8, 8, 1))(restored))
    model.compile("adam", "binary_crossentropy")
    return model


def generator_and_discriminator() -> keras.Model:
    """Draws images from codes and judges them: the generator's step of a GAN, with the discriminator frozen."""
    layers = keras.layers
    generator = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(4 * 4 * 4, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape((4, 4, 4)),
            layers.Conv2DTranspose(4, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
        ],
        name="generator",
    )
    discriminator = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(4, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(4, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(1),
        ],
        name="discriminator",
    )
    discriminator.trainable = False
    codes = keras.Input((6,))
    model = keras.Model(codes, discriminator(generator(codes)))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-4, beta_1=0.5), loss)
    return model


def language_model() -> keras.Model:
    """Predicts the next token by a transformer decoder with a causal mask. The first embedding is tied to the last."""
    layers = keras.layers
    ids = keras.Input((LENGTH,), dtype="int32")
    embedding = layers.ReversibleEmbedding(VOCABULARY, 8)
    decoded = Positions()(embedding(ids))
    for _ in range(2):
        decoded = _transformer(decoded, 8, causal=True)
    model = keras.Model(ids, embedding(layers.LayerNormalization()(decoded), reverse=True))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=1e-3, warmup_steps=2)
    model.compile(keras.optimizers.AdamW(schedule, clipnorm=1.0), loss)
    return model


def translation() -> keras.Model:
    """Translates by an encoder and a decoder that shares its state. Both sides are padded."""
    layers = keras.layers
    source = keras.Input((7,), dtype="int32")
    target = keras.Input((7,), dtype="int32")
    encoded, state = layers.GRU(6, return_sequences=True, return_state=True)(
        layers.Embedding(VOCABULARY, 5, mask_zero=True)(source)
    )
    decoded = layers.GRU(6, return_sequences=True)(
        layers.Embedding(VOCABULARY, 5, mask_zero=True)(target), initial_state=state
    )
    attended = layers.Attention()([decoded, encoded])
    outputs = layers.Dense(VOCABULARY, activation="softmax")(layers.Concatenate()([decoded, attended]))
    model = keras.Model([source, target], outputs)
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def u_net() -> keras.Model:
    """Segments images: a contracting and an expanding path with connections between them."""
    layers = keras.layers
    images = keras.Input((16, 16, 3))
    skips = []
    features = images
    for filters in (4, 8):
        features = layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
        skips.append(features)
        features = layers.MaxPooling2D()(features)
    features = layers.Conv2D(12, 3, padding="same", activation="relu")(features)
    for filters, skip in zip((8, 4), reversed(skips), strict=True):
        features = layers.UpSampling2D(interpolation="bilinear")(features)
        features = layers.Concatenate()([features, skip])
        features = layers.Conv2D(filters, 3, padding="same", activation="relu")(features)
        features = layers.BatchNormalization()(features)
    model = keras.Model(images, layers.Conv2D(3, 1, activation="softmax")(features))
    metric = keras.metrics.MeanIoU(num_classes=3, sparse_y_pred=False)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=[metric])
    return model


def siamese() -> keras.Model:
    """Compares two images by one shared network."""
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.BatchNormalization(),
            layers.Conv2D(4, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(5, activation="tanh"),
            layers.UnitNormalization(),
        ]
    )
    left, right = keras.Input((12, 12, 1)), keras.Input((12, 12, 1))
    distance = keras.ops.sqrt(
        keras.ops.maximum(keras.ops.sum((network(left) - network(right)) ** 2, axis=1, keepdims=True), 1e-7)
    )
    model = keras.Model([left, right], layers.Dense(1, activation="sigmoid")(layers.BatchNormalization()(distance)))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def two_tasks() -> keras.Model:
    """Predicts a class and a number, given by name, with weights of the two losses."""
    layers = keras.layers
    inputs = keras.Input((6,))
    hidden = layers.Dense(8, activation="swish")(inputs)
    outputs = {
        "kind": layers.Dense(3, activation="softmax", name="kind")(hidden),
        "price": layers.Dense(1, name="price")(hidden),
    }
    model = keras.Model(inputs, outputs)
    model.compile(
        "nadam",
        loss={"kind": "sparse_categorical_crossentropy", "price": "mse"},
        loss_weights={"kind": 0.5, "price": 2.0},
        metrics={"kind": ["accuracy"], "price": ["mae"]},
    )
    return model


def matrix_factorization() -> keras.Model:
    """Recommends: the product of the embeddings of a user and of an item."""
    layers = keras.layers
    user, item = keras.Input((), dtype="int32"), keras.Input((), dtype="int32")
    factors = [
        layers.Embedding(12, 4, embeddings_regularizer="l2", embeddings_initializer="he_normal")(ids)
        for ids in (user, item)
    ]
    biases = [layers.Embedding(12, 1)(ids) for ids in (user, item)]
    score = layers.Dot(1)(factors) + biases[0] + biases[1]
    model = keras.Model([user, item], layers.Activation("sigmoid")(score))
    model.compile("adam", "binary_crossentropy")
    return model


def next_frame() -> keras.Model:
    """Predicts the next frames of a film by convolutional recurrent layers."""
    layers = keras.layers
    frames = keras.Input((4, 8, 8, 1))
    features = layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True, activation="relu")(frames)
    features = layers.BatchNormalization()(features)
    features = layers.ConvLSTM2D(3, 1, padding="same", return_sequences=True, activation="relu")(features)
    model = keras.Model(frames, layers.Conv3D(1, 3, activation="sigmoid", padding="same")(features))
    model.compile("adam", "binary_crossentropy")
    return model


def own_model() -> keras.Model:
    """A subclassed model instead of a functional one."""
    model = Classifier()
    model(keras.ops.zeros((1, 5)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def _zeros_and_ones(*shape: int) -> Callable[[], data.Array]:
    return lambda: data.integers(0, 2, data.BATCH, *shape, seed=3).astype(np.float32)


def _classes(classes: int, *shape: int) -> Callable[[], data.Array]:
    return lambda: data.integers(0, classes, data.BATCH, *shape, seed=3)


def _images() -> data.Array:
    return data.images(data.BATCH, *IMAGE)


def _person() -> dict[str, data.Array]:
    return {
        "age": data.uniform(20, 60, data.BATCH, 1),
        "income": data.normal(data.BATCH, 1),
        "job": data.integers(0, 6, data.BATCH, 1),
        "region": data.integers(0, 6, data.BATCH, 1, seed=1),
    }


def _case(
    name: str,
    build: Callable[[], keras.Model],
    targets: Callable[[], Any],
    inputs: Callable[[], Any] | None = None,
) -> Case:
    return Case(name, build, "models", "Model", inputs, targets)


CASES = [
    _case("text classification by convolutions", text_cnn, _zeros_and_ones(1)),
    _case("text classification by LSTM", text_lstm, _zeros_and_ones(1), lambda: data.PADDED_IDS),
    _case("text classification by a transformer", text_transformer, _classes(2)),
    _case("image classification with augmentation", image_cnn, _classes(5), _images),
    _case("image classification by a residual network", residual_network, _classes(5), _images),
    _case("image classification by a vision transformer", vision_transformer, _classes(5), _images),
    _case("time series forecast by LSTM and GRU", forecast_lstm, lambda: data.normal(data.BATCH, 1)),
    _case("time series classification by a transformer", forecast_transformer, _classes(3)),
    _case("tabular data with categories", tabular, _zeros_and_ones(1), _person),
    _case(
        "autoencoder", autoencoder, lambda: data.uniform(0, 1, 4, 16, 16, 1), lambda: data.uniform(0, 1, 4, 16, 16, 1)
    ),
    _case(
        "variational autoencoder",
        variational_autoencoder,
        lambda: data.uniform(0, 1, 4, 8, 8, 1),
        lambda: data.uniform(0, 1, 4, 8, 8, 1),
    ),
    _case("generator and discriminator", generator_and_discriminator, _zeros_and_ones(1)),
    _case("language model with a causal mask", language_model, _classes(VOCABULARY, LENGTH)),
    _case(
        "translation by encoder and decoder",
        translation,
        _classes(VOCABULARY, 7),
        lambda: [data.PADDED_IDS, data.PADDED_IDS[::-1].copy()],
    ),
    _case("segmentation by a U-Net", u_net, _classes(3, 16, 16)),
    _case("siamese network", siamese, _zeros_and_ones(1)),
    _case(
        "two tasks by name",
        two_tasks,
        lambda: {"kind": data.integers(0, 3, data.BATCH), "price": data.normal(data.BATCH, 1)},
    ),
    _case(
        "recommendation by matrix factorization",
        matrix_factorization,
        _zeros_and_ones(1),
        lambda: [np.array([0, 1, 1, 11], np.int32), np.array([2, 2, 2, 0], np.int32)],
    ),
    _case("next frame of a film", next_frame, _zeros_and_ones(4, 8, 8, 1)),
    _case("subclassed model", own_model, _classes(3), lambda: data.normal(data.BATCH, 5)),
]
