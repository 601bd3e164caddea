"""Encoded reviews: flat arrays that behave like a list of reviews."""

import numpy as np
import pytest

from imdb_rnn import Corpus, DataError, Vocabulary
from imdb_rnn.corpora.corpus import LabelledTexts, check_classes, encode_texts
from imdb_rnn.text.reviews import EncodedReviews

REVIEWS = EncodedReviews.from_sequences([[1, 4, 5], [1], [1, 6]], [1, 0, 1])


def test_flat_arrays_give_each_review_back() -> None:
    assert [REVIEWS[i].tolist() for i in range(len(REVIEWS))] == [[1, 4, 5], [1], [1, 6]]
    assert REVIEWS.lengths.tolist() == [3, 1, 2]
    assert (REVIEWS.ids.dtype, REVIEWS.offsets.dtype, REVIEWS.labels.dtype) == (np.int32, np.int64, np.int8)


def test_no_reviews_are_reviews_too() -> None:
    empty = EncodedReviews.from_sequences([], [])
    assert (len(empty), empty.ids.shape, empty.offsets.tolist()) == (0, (0,), [0])


def test_reviews_can_be_selected_repeated_and_reordered() -> None:
    taken = REVIEWS.take(np.array([2, 0, 2]))
    assert [taken[i].tolist() for i in range(3)] == [[1, 6], [1, 4, 5], [1, 6]]
    assert taken.labels.tolist() == [1, 1, 1]


def test_a_corpus_can_be_written_in_another_vocabulary() -> None:
    texts = LabelledTexts(["good good film", "bad film"], np.array([1, 0], np.int8))
    corpus = encode_texts("test", "none", texts, texts, None)
    other = Vocabulary(["film", "story", "good"])
    translated = corpus.with_vocabulary(other)
    assert translated.train[0].tolist() == other.encode("good good film")
    assert translated.test[1].tolist() == other.encode("bad film")
    assert isinstance(translated, Corpus)
    assert translated.vocabulary is other


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"positive and negative reviews in its train split\. Received: 2 positive, 0 neg"
    ):
        check_classes("mine", np.array([1, 1], np.int8), "train")
