"""Three models that people asked about in public, in small: does Keras compute the same on every backend?

    backends-test compare examples/public_questions.py:digits
    backends-test compare examples/public_questions.py:dilated_convolution
    backends-test compare examples/public_questions.py:recurrent_graph

What `backends-test` answers is in docs/any-keras-model.md.
"""

import keras


def digits() -> keras.Model:
    """A convolutional classifier of digits. It learned worse on PyTorch (keras-team/keras#20713)."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def dilated_convolution() -> keras.Model:
    """A large dilated convolution, whose outputs differ by more than 1e-7 (keras-team/keras#20804)."""
    convolution = keras.layers.Conv2D(64, (4, 7), padding="same", dilation_rate=(3, 2))
    return keras.Sequential([keras.Input((32, 32, 256)), convolution])


def recurrent_graph() -> keras.Model:
    """A layer whose output is its input, a hundred times over: loss and gradients differ (keras-team/keras#22697)."""
    inputs = state = keras.Input((16,))
    layer = keras.layers.Dense(16, activation="tanh")
    for _ in range(100):
        state = state + layer(state)
    model = keras.Model(inputs, keras.layers.Dense(1)(state))
    model.compile("sgd", "mse")
    return model
