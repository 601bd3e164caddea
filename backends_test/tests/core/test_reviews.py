"""Encoded reviews: flat arrays that behave like a list of reviews."""

import numpy as np
import pytest

from imdb_rnn import Corpus, DataError, Vocabulary
from imdb_rnn.corpora.corpus import LabelledTexts, check_classes, encode_texts
from imdb_rnn.text.reviews import EncodedReviews, check_reviews

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


def test_reviews_without_labels_are_reviews_too() -> None:
    reviews = EncodedReviews.from_sequences([[1, 4, 5], [1]])
    assert reviews.labels is None
    assert reviews.take(np.array([1])).labels is None
    assert reviews.take(np.array([1, 0])).ids.tolist() == [1, 1, 4, 5]
    with pytest.raises(DataError) as raised:
        reviews.required_labels()
    assert str(raised.value) == "Bad `reviews`. Expected: reviews with labels. Received: reviews without labels."
    assert REVIEWS.required_labels().tolist() == [1, 0, 1]


def test_selected_reviews_have_arrays_of_the_same_types() -> None:
    for taken in (REVIEWS.take(np.array([1, 2])), REVIEWS.take(np.array([], np.int64))):
        assert (taken.ids.dtype, taken.offsets.dtype, taken.labels.dtype) == (np.int32, np.int64, np.int8)
    assert REVIEWS.take(np.array([1, 2])).offsets.tolist() == [0, 1, 3]
    assert EncodedReviews.from_sequences([], []).labels.dtype == np.int8


def arrays(ids: list[int], offsets: list[int], labels: list[int]) -> EncodedReviews:
    return EncodedReviews(np.array(ids, np.int32), np.array(offsets, np.int64), np.array(labels, np.int8))


def refused(reviews: EncodedReviews, num_words: int = 3) -> str:
    with pytest.raises(ValueError) as raised:
        check_reviews(reviews, num_words)
    return str(raised.value)


def test_proper_arrays_are_accepted() -> None:
    """Three words have the ids 4, 5 and 6."""
    check_reviews(arrays([1, 0, 1, 6, 2], [0, 2, 5], [0, 1]), 3)
    check_reviews(arrays([], [0], []), 3)
    check_reviews(REVIEWS, 3)


@pytest.mark.parametrize(
    ("types", "received"),
    [
        ((np.int64, np.int64, np.int8), "[dtype('int64'), dtype('int64'), dtype('int8')]"),
        ((np.int32, np.int32, np.int8), "[dtype('int32'), dtype('int32'), dtype('int8')]"),
        ((np.int32, np.int64, np.int16), "[dtype('int32'), dtype('int64'), dtype('int16')]"),
    ],
    ids=["ids", "offsets", "labels"],
)
def test_arrays_of_other_types_are_named(types: tuple[type, ...], received: str) -> None:
    parts = [np.array(values, kind) for values, kind in zip(([1, 4], [0, 2], [1]), types, strict=True)]
    assert refused(EncodedReviews(*parts)) == (f"arrays of the types {received} and the shapes [(2,), (2,), (1,)]")


@pytest.mark.parametrize("position", [0, 1, 2])
def test_arrays_of_other_dimensions_are_named(position: int) -> None:
    parts = [np.array([1, 4], np.int32), np.array([0, 2], np.int64), np.array([1], np.int8)]
    parts[position] = parts[position][None]
    shapes = [part.shape for part in parts]
    assert refused(EncodedReviews(*parts)) == (
        f"arrays of the types [dtype('int32'), dtype('int64'), dtype('int8')] and the shapes {shapes}"
    )


@pytest.mark.parametrize(
    ("ids", "offsets", "labels"),
    [([1, 4], [0, 2], [1, 0]), ([1, 4], [0, 1, 2], [1]), ([1, 4], [1, 2], [1]), ([1, 4], [0, 1], [1]), ([1], [0], [])],
)
def test_offsets_that_do_not_fit_are_named(ids: list[int], offsets: list[int], labels: list[int]) -> None:
    assert refused(arrays(ids, offsets, labels)) == (
        f"{len(offsets)} offsets for {len(labels)} reviews of {len(ids)} ids"
    )


@pytest.mark.parametrize("offsets", [[0, 0, 2], [0, 2, 2], [0, 3, 2]])
def test_every_review_has_an_id(offsets: list[int]) -> None:
    assert refused(arrays([1, 1], offsets, [0, 1])) == "offsets that do not increase"


@pytest.mark.parametrize("label", [-1, 2])
def test_labels_are_0_or_1(label: int) -> None:
    assert refused(arrays([1, 1], [0, 1, 2], [0, label])) == "labels other than 0 and 1"


@pytest.mark.parametrize("ids", [[1, 7, 1], [1, -1, 1], [1, 4, 4], [4, 4, 1], [2, 4, 1]])
def test_ids_are_those_of_the_vocabulary_and_each_review_begins_with_its_start(ids: list[int]) -> None:
    assert refused(arrays(ids, [0, 2, 3], [0, 1])) == (
        "ids outside a vocabulary of 3 words, or a review that does not begin with 1"
    )


def test_reviews_without_labels_are_not_checked() -> None:
    with pytest.raises(DataError, match="reviews without labels"):
        check_reviews(EncodedReviews.from_sequences([[1, 4]]), 3)
