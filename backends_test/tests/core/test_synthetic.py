"""What the synthetic reviews promise: the same bytes everywhere, and text of the size and the difficulty of IMDB."""

import hashlib
from collections import Counter

import numpy as np
import pytest

from imdb_rnn.corpora import synthetic_words as words
from imdb_rnn.corpora.corpus import LabelledTexts
from imdb_rnn.corpora.synthetic import draw_verdicts, make_texts
from imdb_rnn.text.tokens import tokenize

# Of all default texts and labels. It changes with every edit of the templates, and then figures measured before no
# longer compare with new ones.
CHECKSUM = "f2110f4f12440a3ab4565a40d1ac01331e8707cb2d9484bfe909e4a4c17b5599"


@pytest.fixture(scope="module")
def splits() -> tuple[LabelledTexts, LabelledTexts]:
    return make_texts()


@pytest.fixture(scope="module")
def tokens(splits: tuple[LabelledTexts, LabelledTexts]) -> list[list[str]]:
    """The words of the training reviews."""
    return [tokenize(text) for text in splits[0].texts]


def test_the_default_reviews_are_the_same_bytes_everywhere(splits: tuple[LabelledTexts, LabelledTexts]) -> None:
    digest = hashlib.sha256()
    for texts, labels in splits:
        digest.update("\n".join(texts).encode())
        digest.update(labels.tobytes())
    assert digest.hexdigest() == CHECKSUM


def test_the_splits_have_the_size_of_imdb_and_balanced_classes(splits: tuple[LabelledTexts, LabelledTexts]) -> None:
    for texts, labels in splits:
        assert (len(texts), labels.shape, labels.dtype) == (25_000, (25_000,), np.int8)
        assert abs(labels.mean() - 0.5) < 0.01


def test_one_label_in_ten_is_wrong_on_either_side() -> None:
    verdicts, labels = draw_verdicts(25_000, np.random.RandomState(1))
    for verdict in (0, 1):
        assert np.mean(labels[verdicts == verdict] != verdict) == pytest.approx(0.1)


def test_the_text_follows_the_verdict_and_not_the_label() -> None:
    # The training split draws its verdicts first, from the same seed.
    verdicts, labels = draw_verdicts(2_000, np.random.RandomState(5))
    train, _ = make_texts(2_000, 1, seed=5)
    np.testing.assert_array_equal(train.labels, labels)
    praise = np.array([text.count("Highly recommended") + text.count("It is what cinema") for text in train.texts]) > 0
    assert praise.sum() > 20
    assert np.all(verdicts[praise] == 1)
    assert not np.all(labels[praise] == 1)


def test_lengths_are_those_of_imdb(tokens: list[list[str]]) -> None:
    lengths = np.array([len(review) for review in tokens])
    assert 200 <= lengths.mean() <= 260
    assert 170 <= np.median(lengths) <= 205
    assert 600 <= lengths.max() <= 1_000
    assert 0.05 < np.mean((lengths >= 2) & (lengths <= 12)) < 0.2
    assert 0.15 < np.mean(lengths <= 60) < 0.25


def test_words_are_many_and_fall_off_like_those_of_a_language(tokens: list[list[str]]) -> None:
    counts = Counter(word for review in tokens for word in review)
    most_frequent = sum(count for _, count in counts.most_common(10))
    assert 2_500 <= len(counts) <= 3_500
    assert 0.2 < most_frequent / counts.total() < 0.4


@pytest.mark.parametrize(
    ("phrase", "at_least"),
    [
        ("is not a good", 20),
        ("was never bored", 100),
        ("Nothing about ", 100),
        ("Although ", 1_000),
        ("Despite ", 500),
        (", but ", 5_000),
        ("<br /><br />", 5_000),
        ("What a waste", 50),
    ],
)
def test_reviews_negate_and_concede(splits: tuple[LabelledTexts, LabelledTexts], phrase: str, at_least: int) -> None:
    assert sum(phrase in text for text in splits[0].texts) >= at_least


def test_words_with_a_side_also_stand_in_the_other_camp(splits: tuple[LabelledTexts, LabelledTexts]) -> None:
    texts, labels = splits[0]
    for word in ("great", "wonderful", "boring", "terrible"):
        share = np.mean([label for text, label in zip(texts, labels, strict=True) if word in text])
        assert 0.15 < share < 0.85
        assert abs(share - 0.5) > 0.02


def test_no_template_is_left_unfilled(splits: tuple[LabelledTexts, LabelledTexts]) -> None:
    for texts, _ in splits:
        assert not any(mark in text for text in texts for mark in ("{", "}", "%", "  ", " a a", " a e", " a i", " a o"))


def test_texts_differ_within_and_between_the_splits(splits: tuple[LabelledTexts, LabelledTexts]) -> None:
    long = [{text for text in texts if len(text) > 400} for texts, _ in splits]
    assert sum(map(len, long)) > 35_000
    assert long[0].isdisjoint(long[1])


def test_another_seed_gives_other_texts() -> None:
    one, other = (make_texts(50, 1, seed=seed)[0] for seed in (1, 2))
    assert set(one.texts).isdisjoint(text for text in other.texts if len(text) > 100)
    assert make_texts(50, 1, seed=1)[0].texts == one.texts


def test_both_sides_have_many_words_and_the_same_lists() -> None:
    assert words.GOOD.keys() == words.BAD.keys()
    for side in (words.GOOD, words.BAD):
        assert sum(map(len, side.values())) >= 120


@pytest.mark.parametrize(("counts", "name"), [((0, 1), "train_count"), ((1, -1), "test_count")])
def test_a_split_has_at_least_one_review(counts: tuple[int, int], name: str) -> None:
    with pytest.raises(ValueError, match=rf"Bad `{name}`\. Expected: an int >= 1\. Received: (0|-1)\."):
        make_texts(*counts)
