"""What is trained on when not all reviews are in memory: parts of the epoch, a bounded validation, a sample."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imdb_rnn import Corpus
from imdb_rnn.corpora import shards
from imdb_rnn.text import batches, windows
from imdb_rnn.text.batches import Arrays, PartsOfReviews, blocks_of_epoch
from imdb_rnn.text.reviews import EncodedReviews, Reviews
from imdb_rnn.text.sharded_reviews import ShardedReviews
from imdb_rnn.text.tokens import START
from imdb_rnn.training import fit, splits
from imdb_rnn.training.fit import WeightedReviews
from imdb_rnn.training.recipe import Recipe


def numbered(count: int) -> EncodedReviews:
    """Reviews of one to five ids, all of which are the number of the review."""
    return EncodedReviews.from_sequences(
        [[START, *[4 + number] * (number % 5 + 1)] for number in range(count)], np.arange(count) % 2
    )


def in_shards(reviews: EncodedReviews, folder: Path, sizes: list[int]) -> ShardedReviews:
    """Write reviews to files of the given sizes."""
    ends = np.cumsum(sizes)
    assert ends[-1] == len(reviews)
    for number, (size, end) in enumerate(zip(sizes, ends, strict=True)):
        shards.write_shard(folder / f"{number}.arrow", reviews.take(np.arange(end - size, end)))
    return ShardedReviews([folder / f"{number}.arrow" for number in range(len(sizes))], sizes)


def assert_equal(found: EncodedReviews, expected: EncodedReviews) -> None:
    for one, other in zip(vars(found).values(), vars(expected).values(), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def parts_of(reviews: Reviews) -> PartsOfReviews:
    """Examples of one row per review: the number of the review."""

    def examples_of(part: EncodedReviews, positions: np.ndarray[Any, Any]) -> Arrays:
        x = part.ids[part.offsets[1:] - 1][:, None] - 4
        np.testing.assert_array_equal(x[:, 0], positions)
        return Arrays(x, part.required_labels()[:, None].astype(np.float32))

    return PartsOfReviews(reviews, examples_of)


@pytest.mark.parametrize("order", [[], [0], [16, 0, 5, 5, 9, 4], list(range(17)), list(range(16, -1, -1))])
def test_reviews_on_disk_are_taken_as_those_in_memory_are(tmp_path: Path, order: list[int]) -> None:
    reviews = numbered(17)
    sharded = in_shards(reviews, tmp_path, [5, 4, 8])
    assert len(sharded) == 17
    assert_equal(sharded.take(np.array(order, np.int64)), reviews.take(np.array(order, np.int64)))
    np.testing.assert_array_equal(sharded.lengths, reviews.lengths)
    np.testing.assert_array_equal(sharded.required_labels(), reviews.required_labels())
    np.testing.assert_array_equal(sharded[9], reviews[9])


def test_reviews_on_disk_get_other_ids_one_after_another(tmp_path: Path) -> None:
    reviews = numbered(6)
    sharded = in_shards(reviews, tmp_path, [3, 3])
    shifted, doubled = (np.arange(100, dtype=np.int32) + 1).clip(max=99), np.arange(100, dtype=np.int32) * 2
    assert_equal(
        sharded.with_ids(shifted).with_ids(doubled).take(np.arange(6)),
        reviews.with_ids(shifted).with_ids(doubled).take(np.arange(6)),
    )


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1_000])
def test_an_epoch_in_parts_has_every_review_once_in_full_batches(
    monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    monkeypatch.setattr(batches, "PART", 100)
    data = parts_of(numbered(355))
    assert data.num_examples == 355
    blocks = list(blocks_of_epoch(data, batch_size, seed=1, epoch=0, steps=3))
    seen = [int(i) for block in blocks for i in block.x.ravel()]
    assert sorted(seen) == list(range(355))
    assert [block.x.shape[1] for block in blocks[:-1]] == [batch_size] * (len(blocks) - 1)
    assert blocks[-1].x.shape[1] == (355 % batch_size or batch_size)
    for block in blocks:
        np.testing.assert_array_equal(block.y[..., 0], block.x[..., 0] % 2)


def test_each_epoch_has_other_parts_which_depend_on_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PART", 100)
    data = parts_of(numbered(300))

    def parts(seed: int, epoch: int) -> list[list[int]]:
        return [part.x[:, 0].tolist() for part in data.parts(seed, epoch)]

    assert [len(part) for part in parts(1, 0)] == [100, 100, 100]
    assert parts(1, 0) == parts(1, 0)
    assert parts(1, 0) != parts(1, 1)
    assert parts(1, 0) != parts(2, 0)
    # Each part is drawn from all reviews.
    assert all(min(part) < 30 and max(part) >= 270 for part in parts(1, 0))


def test_reviews_on_disk_make_the_batches_of_those_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PART", 64)
    reviews = numbered(200)
    for one, other in zip(
        blocks_of_epoch(parts_of(in_shards(reviews, tmp_path, [70, 1, 129])), 10, 3, 1, 4),
        blocks_of_epoch(parts_of(reviews), 10, 3, 1, 4),
        strict=True,
    ):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.y, other.y)


def test_so_many_reviews_are_held_out_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "MAX_VALIDATION", 20)
    reviews = numbered(101)
    learned, validation = splits.split_reviews(reviews)
    assert len(validation) == 20
    assert len(learned) == 81
    taken = learned.take(np.arange(81))
    numbers = [set((part.ids[part.offsets[1:] - 1] - 4).tolist()) for part in (taken, validation)]
    assert not numbers[0] & numbers[1]
    assert numbers[0] | numbers[1] == set(range(101))
    # 20 % of 100 reviews are not more than 20.
    assert isinstance(splits.split_reviews(numbered(100))[0], EncodedReviews)


def training_data(reviews: Reviews, **settings: Any) -> Any:
    return fit._training_data(WeightedReviews(reviews), Recipe(**{"num_words": 1_000, "max_len": 20} | settings))


def blocks(data: Any) -> list[Arrays]:
    return [block for epoch in range(2) for block in blocks_of_epoch(data, 32, 5, epoch, 4)]


def assert_same_blocks(one: Any, other: Any) -> None:
    for first, second in zip(blocks(one), blocks(other), strict=True):
        np.testing.assert_array_equal(first.x, second.x)
        np.testing.assert_array_equal(first.y, second.y)


@pytest.mark.parametrize("settings", [{}, {"teacher_share": 0.0}, {"windows": False}], ids=str)
def test_windows_and_soft_labels_in_parts_are_the_same_from_disk_and_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_corpus: Corpus, settings: dict[str, Any]
) -> None:
    for module in (batches, fit):
        monkeypatch.setattr(module, "PART", 600)
    reviews = small_corpus.train
    assert isinstance(reviews, EncodedReviews)
    settings |= {"teacher_reviews": 500}
    data = training_data(reviews, **settings)
    assert isinstance(data, PartsOfReviews)
    assert_same_blocks(data, training_data(in_shards(reviews, tmp_path, [900, 900, 200]), **settings))


@pytest.mark.parametrize("count", [1_201, 1_999, 2_000])
def test_the_windows_of_an_epoch_in_parts_are_one_of_each_review(
    monkeypatch: pytest.MonkeyPatch, small_corpus: Corpus, count: int
) -> None:
    """Also if the last part would have few reviews, of which more windows would be drawn."""
    for module in (batches, fit):
        monkeypatch.setattr(module, "PART", 600)
    monkeypatch.setattr(windows, "MIN_WINDOWS", 300)
    data = training_data(small_corpus.train.take(np.arange(count)))
    assert isinstance(data, PartsOfReviews)
    sizes = [len(part.x) for part in data.parts(1, 0)]
    assert sum(sizes) == data.num_examples == count
    assert max(sizes) <= 600
    assert max(sizes) - min(sizes) <= 1


def test_few_reviews_on_disk_are_trained_on_as_in_memory(tmp_path: Path, small_corpus: Corpus) -> None:
    assert isinstance(small_corpus.train, EncodedReviews)
    few = small_corpus.train.take(np.arange(700))
    assert_same_blocks(training_data(few), training_data(in_shards(few, tmp_path, [300, 400])))


def test_the_teacher_of_a_sample_labels_the_other_reviews_as_well(small_corpus: Corpus) -> None:
    assert isinstance(small_corpus.train, EncodedReviews)
    every, sampled = (
        np.concatenate([block.y.ravel() for block in blocks(training_data(small_corpus.train, teacher_reviews=count))])
        for count in (2_000, 500)
    )
    # The windows are the same, and most of their labels nearly so, though a quarter of the reviews was fitted to.
    assert 0.5 < np.corrcoef(every, sampled)[0, 1] < 0.999
    assert len(np.unique(sampled)) > 10
