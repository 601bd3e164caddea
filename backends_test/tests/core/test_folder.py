"""A folder of text files, one review each."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from imdb_rnn import DataError, Vocabulary, load_reviews

REVIEWS = {
    "train/pos": {"0_9": "A good film.", "10_8": "Very good!", "2_7": "Good, naïve fun"},
    "train/neg": {"0_1": "A bad film.", "1_2": "bad"},
    "test/pos": {"0_9": "good film, surprisingly"},
    "test/neg": {"0_1": "bad film"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place, files in REVIEWS.items():
        (tmp_path / "mine" / place).mkdir(parents=True)
        for name, text in files.items():
            (tmp_path / "mine" / place / f"{name}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "mine" / "train" / "unsup").mkdir()
    return tmp_path / "mine"


def test_reviews_come_in_the_order_of_their_names_positive_first(folder: Path) -> None:
    corpus = load_reviews(f"folder:{folder}")
    decoded = [corpus.vocabulary.decode(corpus.train[i]) for i in range(len(corpus.train))]
    assert decoded == ["a good film", "very good", "good naïve fun", "a bad film", "bad"]
    assert corpus.train.labels.tolist() == [1, 1, 1, 0, 0]


def test_words_are_learned_from_the_training_reviews_alone(folder: Path) -> None:
    corpus = load_reviews(f"folder:{folder}")
    assert corpus.vocabulary.words[0] == "good"
    assert corpus.vocabulary.decode(corpus.test[0]) == "good film �"


def test_a_folder_can_be_read_in_the_words_of_a_model(folder: Path) -> None:
    corpus = load_reviews(f"folder:{folder}", Vocabulary(["surprisingly", "film"]))
    assert corpus.vocabulary.decode(corpus.test[0]) == "� film surprisingly"


def test_a_change_in_the_folder_is_noticed(folder: Path) -> None:
    before = load_reviews(f"folder:{folder}")
    file = folder / "test" / "neg" / "0_1.txt"
    file.write_text("poor film", encoding="utf-8")
    os.utime(file, ns=(1, 1))
    after = load_reviews(f"folder:{folder}")
    assert after.fingerprint != before.fingerprint
    assert after.vocabulary.decode(after.test[1]) == "� film"


def test_a_change_that_leaves_size_and_time_is_noticed(folder: Path) -> None:
    file = folder / "test" / "neg" / "0_1.txt"
    before = file.stat()
    assert load_reviews(f"folder:{folder}").test.lengths.tolist() == [4, 3]
    file.write_text("badfilm!", encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert load_reviews(f"folder:{folder}").test.lengths.tolist() == [4, 2]


def test_folders_of_equal_names_sizes_and_times_keep_their_own_reviews(tmp_path: Path) -> None:
    for name, word in (("one", "good"), ("two", "poor")):
        for place in REVIEWS:
            (tmp_path / name / place).mkdir(parents=True)
            file = tmp_path / name / place / "0.txt"
            file.write_text(f"{word} film", encoding="utf-8")
            os.utime(file, ns=(1, 1))
    one, two = (load_reviews(f"folder:{tmp_path / name}") for name in ("one", "two"))
    assert one.vocabulary.words == ("film", "good")
    assert two.vocabulary.words == ("film", "poor")


def read(folder: Path, caplog: pytest.LogCaptureFixture) -> tuple[list[str], list[str]]:
    """The positive reviews that a folder has to train on, and the warnings."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        corpus = load_reviews(f"folder:{folder}")
    texts = [corpus.vocabulary.decode(corpus.train[i]) for i in np.flatnonzero(corpus.train.labels)]
    return texts, [record.getMessage() for record in caplog.records]


def test_a_folder_of_nothing_but_reviews_is_read_without_a_word(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "README").write_text("not in the folder of a class", encoding="utf-8")
    assert read(folder, caplog) == (["a good film", "very good", "good naïve fun"], [])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_first_word(
    folder: Path, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    before = load_reviews(f"folder:{folder}")
    for place, files in REVIEWS.items():
        for name, text in files.items():
            (folder / place / f"{name}.txt").write_text(text, encoding=encoding)
    assert read(folder, caplog) == (["a good film", "very good", "good naïve fun"], [])
    after = load_reviews(f"folder:{folder}")
    assert (after.vocabulary, after.fingerprint) == (before.vocabulary, before.fingerprint)


def test_what_a_system_leaves_in_a_folder_is_no_review(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = load_reviews(f"folder:{folder}").fingerprint
    for name in ("._0_9.txt", ".0_9.txt", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / "train" / "pos" / name).write_bytes(b"\0\5\x16\7 wonderful \xff")
    assert read(folder, caplog) == (["a good film", "very good", "good naïve fun"], [])
    assert load_reviews(f"folder:{folder}").fingerprint == before


def test_a_suffix_in_capitals_is_a_suffix(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "train" / "pos" / "15_9.TXT").write_text("Fun, fun", encoding="utf-8")
    assert read(folder, caplog) == (["a good film", "very good", "fun fun", "good naïve fun"], [])


def test_what_else_is_passed_over_is_told_in_one_line(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    for place in ("train/pos", "test/neg"):
        (folder / place / "more").mkdir()
        (folder / place / "more" / "0.txt").write_text("wonderful", encoding="utf-8")
        (folder / place / "a\n.md").write_text("wonderful", encoding="utf-8")
    for _ in range(2):  # from the cache, too
        texts, warnings = read(folder, caplog)
        assert texts == ["a good film", "very good", "good naïve fun"]
        assert warnings == [
            f"folder:{folder}: skipped 4 files that are not .txt files, such as {folder / 'train' / 'pos' / 'a .md'}"
        ]


def test_reviews_without_a_word_are_left_out_and_told_in_one_line(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = load_reviews(f"folder:{folder}")
    for name, text in (("00", ""), ("1", " \n\n"), ("2", "\ufeff"), ("3", "?!… “”")):
        (folder / "train" / "pos" / f"{name}.txt").write_text(text, encoding="utf-8")
    for _ in range(2):
        texts, warnings = read(folder, caplog)
        assert texts == ["a good film", "very good", "good naïve fun"]
        assert warnings == [
            f"folder:{folder}: skipped 4 files that have no words, such as {folder / 'train' / 'pos' / '00.txt'}"
        ]
    assert load_reviews(f"folder:{folder}").fingerprint == before.fingerprint


def test_a_class_of_reviews_without_a_word_is_refused(folder: Path) -> None:
    (folder / "test" / "neg" / "0_1.txt").write_text("...", encoding="utf-8")
    with pytest.raises(DataError, match=r"in its test split\. Received: 1 positive, 0 negative"):
        load_reviews(f"folder:{folder}")


def test_a_file_that_is_no_review_by_its_size_is_refused_and_named(folder: Path) -> None:
    (folder / "train" / "neg" / "1_2.txt").write_bytes(b"a" * 1_000_001)
    with pytest.raises(DataError, match=r"1_2\.txt\. .*Received: a file of 1,000,001 bytes; the limit is 1,000,000"):
        load_reviews(f"folder:{folder}")


def test_the_same_reviews_elsewhere_have_the_same_fingerprint(folder: Path) -> None:
    here = load_reviews(f"folder:{folder}").fingerprint
    moved = folder.rename(folder.with_name("moved"))
    assert load_reviews(f"folder:{moved}").fingerprint == here


@pytest.mark.parametrize("place", REVIEWS)
def test_a_folder_without_one_class_is_refused(folder: Path, place: str) -> None:
    for file in (folder / place).iterdir():
        file.unlink()
    with pytest.raises(
        DataError, match=rf"train/pos, train/neg, test/pos and test/neg\. Received: {place} has no \.txt"
    ):
        load_reviews(f"folder:{folder}")


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match=r"Received: train/pos does not exist"):
            load_reviews(f"folder:{path}")


def test_bytes_that_are_no_text_are_refused_and_the_file_is_named(folder: Path) -> None:
    (folder / "train" / "neg" / "1_2.txt").write_bytes(b"A\ncaf\xe9 film")
    with pytest.raises(DataError, match=r"1_2\.txt\. Expected: text in UTF-8\. Received: a byte 0xe9 in line 2"):
        load_reviews(f"folder:{folder}")
