"""Padding is that of Keras."""

import keras
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imdb_rnn.text.batches import pad
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV


@given(
    st.lists(st.lists(st.integers(1, 60), max_size=12), max_size=6),
    st.integers(min_value=5, max_value=50),
    st.integers(1, 9),
)
def test_padding_is_that_of_keras(sequences: list[list[int]], num_words: int, max_len: int) -> None:
    padded = pad(EncodedReviews.from_sequences(sequences, np.zeros(len(sequences))), num_words, max_len)
    known = [[i if i < num_words else OOV for i in sequence] for sequence in sequences]
    expected = keras.utils.pad_sequences(known, maxlen=max_len, padding="pre", truncating="pre").reshape(-1, max_len)
    assert padded.dtype == np.int32
    np.testing.assert_array_equal(padded, expected)
