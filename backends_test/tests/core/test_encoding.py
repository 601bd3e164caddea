"""`imdb-rnn encode` writes reviews of any number to files, and `shards:` reads them."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from backends_test.tests.command_line import PROGRAM, Run
from imdb_rnn import Corpus, DataError, load_reviews
from imdb_rnn.corpora.corpus import LabelledTexts, encode_texts
from imdb_rnn.corpora.synthetic import make_reviews
from imdb_rnn.encoding import encode as encoding
from imdb_rnn.encoding import words
from imdb_rnn.encoding.encode import encode
from imdb_rnn.encoding.sources import SYNTHETIC_BLOCK, set_aside
from imdb_rnn.encoding.state import STATE_FILE
from imdb_rnn.text.reviews import EncodedReviews
from imdb_rnn.text.tokens import OOV, Vocabulary

# Every rule of the tokenizer: apostrophes, typographic ones, accents, symbols, words of several, none at all.
ODD = [
    "‘Rock’n’roll’ isn't ''dead'', it`s great 😀",
    "don’t don't DON'T 'don't' — cafe\u0301 café",
    "ﬁne ｆｉｎｅ fine… 'tis 'tis' 10/10 ★★★★★",
    "well-made/over-long<br /><br />“good”",
    "素晴らしい映画 great",
    "' '' good",
]


def texts_and_labels(count: int) -> LabelledTexts:
    made = make_reviews(count, 4)
    return LabelledTexts(
        [text if i % 7 else f"{ODD[i // 7 % len(ODD)]} {i}" for i, text in enumerate(made.texts)], made.labels
    )


def write_rows(path: Path, texts: LabelledTexts, **names: str) -> Path:
    """Write a table in the format of its name, with the columns `text` and `label`, or of other names."""
    columns = {names.get("text", "text"): texts.texts, names.get("label", "label"): texts.labels.tolist()}
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=300)
    elif path.suffix == ".jsonl":
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return path


def part(texts: LabelledTexts, chosen: Any) -> LabelledTexts:
    return LabelledTexts([texts.texts[i] for i in np.arange(len(texts.texts))[chosen]], texts.labels[chosen])


def in_memory(part: Any) -> EncodedReviews:
    reviews: EncodedReviews = part.take(np.arange(len(part)))
    return reviews


def assert_same(found: Corpus, expected: Corpus) -> None:
    assert found.vocabulary == expected.vocabulary
    for one, other in ((found.train, expected.train), (found.test, expected.test)):
        for first, second in zip(vars(in_memory(one)).values(), vars(in_memory(other)).values(), strict=True):
            np.testing.assert_array_equal(first, second)
            assert first.dtype == second.dtype


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != encoding.LOCK_FILE}


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "SHARD_REVIEWS", 250)


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
@pytest.mark.usefixtures("small_shards")
def test_files_are_encoded_as_a_corpus_in_memory_is(tmp_path: Path, suffix: str) -> None:
    texts = texts_and_labels(1_200)
    for number, chosen in enumerate((slice(0, 700), slice(700, 1_000))):
        write_rows(tmp_path / f"train-{number}.{suffix}", part(texts, chosen))
    write_rows(tmp_path / f"test.{suffix}", part(texts, slice(1_000, 1_200)))
    found = encode(f"files:{tmp_path}/train-*.{suffix}", tmp_path / "out", test=f"{tmp_path}/test.{suffix}", workers=1)
    expected = encode_texts("", "", part(texts, slice(0, 1_000)), part(texts, slice(1_000, 1_200)), None)
    assert found == (1_000, 200, len(expected.vocabulary), 0, [])
    corpus = load_reviews(f"shards:{tmp_path / 'out'}")
    assert corpus.source == f"shards:{tmp_path / 'out'}"
    assert len(list((tmp_path / "out").glob("train-*.arrow"))) > 1
    assert_same(corpus, expected)


def test_one_row_in_ten_is_for_the_evaluation_if_no_files_are(tmp_path: Path) -> None:
    texts = texts_and_labels(995)
    write_rows(tmp_path / "a.jsonl", part(texts, slice(0, 333)))
    write_rows(tmp_path / "b.parquet", part(texts, slice(333, 995)))
    encode(f"files:{tmp_path}/*.*", tmp_path / "out", workers=1)
    is_test = set_aside(0, 995)
    expected = encode_texts("", "", part(texts, ~is_test), part(texts, is_test), None)
    assert_same(load_reviews(f"shards:{tmp_path / 'out'}"), expected)


@pytest.mark.parametrize("period", [2, 5, 10])
def test_rows_that_alternate_between_the_classes_are_divided_evenly(period: int) -> None:
    is_test = np.concatenate([set_aside(0, 777), set_aside(777, 9_223)])
    assert is_test.reshape(-1, 10).sum(axis=1).tolist() == [1] * 1_000
    positive = np.arange(10_000) % period == 0
    assert positive[is_test].mean() == pytest.approx(1 / period, abs=0.03)


def test_a_given_vocabulary_encodes_as_in_memory(tmp_path: Path) -> None:
    texts = texts_and_labels(400)
    words = Vocabulary([*Vocabulary.from_texts(texts.texts[:50]).words, "''dead''", "zzz"])
    write_rows(tmp_path / "a.parquet", texts)
    encode(f"files:{tmp_path}/a.parquet", tmp_path / "out", vocabulary=words, workers=1)
    is_test = set_aside(0, 400)
    assert_same(
        load_reviews(f"shards:{tmp_path / 'out'}"),
        encode_texts("", "", part(texts, ~is_test), part(texts, is_test), words),
    )


@pytest.mark.parametrize("source", ["files", "folder", "shards", "synthetic"])
def test_a_vocabulary_without_any_word_of_the_reviews_is_refused(
    source: str, tmp_path: Path, reviews_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMDB_RNN_CACHE", str(tmp_path / "cache"))
    write_rows(tmp_path / "a.jsonl", texts_and_labels(400))
    foreign = Vocabulary(["원더풀", "영화"])
    name = {"files": f"files:{tmp_path}/a.jsonl", "folder": f"folder:{reviews_folder}", "synthetic": "synthetic"}
    name["shards"] = f"shards:{tmp_path / 'shards'}"
    if source == "shards":
        encode(name["folder"], tmp_path / "shards")
    expected = r"Expected: words that occur in the reviews\. Received: 2 words, of which none does\."
    with pytest.raises(DataError, match=expected):
        if source == "files":
            encode(name[source], tmp_path / "out", vocabulary=foreign, workers=1)
        else:
            load_reviews(name[source], foreign)
    assert not (tmp_path / "out").exists()


def test_names_need_not_be_text(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    write_rows(tmp_path / "a.parquet", texts_and_labels(400))
    (tmp_path / "a.parquet").rename(folder / "a.parquet")
    (folder / "b.jsonl").write_text('{"text": "…", "label": 0}\n', encoding="utf-8")
    source, out = f"files:{folder}/[ab].*", folder / "out"
    encoded = encode(source, out, workers=1)
    assert encoded.skipped == 1
    assert encode(source, out, workers=1, resume=True) == encoded
    assert len(load_reviews(f"shards:{out}").train) == encoded.train


def test_a_source_that_is_loaded_keeps_its_reviews_and_its_fingerprint(tmp_path: Path, reviews_folder: Path) -> None:
    source = f"folder:{reviews_folder}"
    encode(source, tmp_path / "out")
    found, expected = load_reviews(f"shards:{tmp_path / 'out'}"), load_reviews(source)
    assert found.fingerprint == expected.fingerprint
    assert_same(found, expected)


def test_other_words_can_be_asked_of_shards(tmp_path: Path, reviews_folder: Path) -> None:
    encode(f"folder:{reviews_folder}", tmp_path / "out")
    few = Vocabulary(["film", "good"])
    expected = load_reviews(f"folder:{reviews_folder}").with_vocabulary(few)
    assert_same(load_reviews(f"shards:{tmp_path / 'out'}", few), expected)


@pytest.mark.usefixtures("small_shards")
def test_any_number_of_processes_writes_the_same_files(tmp_path: Path) -> None:
    for workers in (1, 2):
        encode(f"synthetic:{3 * SYNTHETIC_BLOCK + 10}", tmp_path / str(workers), workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


KILLED = """
import os, signal, sys
from imdb_rnn.encoding import encode as encoding
encoding.SHARD_REVIEWS = 250
moment, count = sys.argv[3], 0
def killed(name):
    original = getattr(encoding, name)
    def instead(*arguments):
        global count
        count += name == moment.split()[0]
        if name == moment.split()[0] and count == int(moment.split()[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)
    setattr(encoding, name, instead)
for name in ("write_shard", "write_state", "with_ids"):
    killed(name)
encoding.encode(sys.argv[1], encoding.Path(sys.argv[2]), workers=1)
"""


@pytest.mark.parametrize(
    "moment", ["write_shard 1", "write_shard 4", "write_state 2", "write_state 4", "with_ids 1", "with_ids 4"]
)
@pytest.mark.usefixtures("small_shards")
def test_an_encoding_that_was_killed_goes_on_to_the_same_files(tmp_path: Path, moment: str) -> None:
    write_rows(tmp_path / "a.jsonl", texts_and_labels(2_500))
    source = f"files:{tmp_path}/a.jsonl"
    encode(source, tmp_path / "whole", workers=1)
    ended = subprocess.run([sys.executable, "-c", KILLED, source, str(tmp_path / "out"), moment], check=False)
    assert ended.returncode == -signal.SIGKILL
    with pytest.raises(DataError, match="has completed"):
        load_reviews(f"shards:{tmp_path / 'out'}")
    if (tmp_path / "out" / STATE_FILE).exists():
        with pytest.raises(DataError, match="--resume"):
            encode(source, tmp_path / "out", workers=1)
    (tmp_path / "out" / encoding.PROVISIONAL).mkdir(exist_ok=True)
    (tmp_path / "out" / encoding.PROVISIONAL / ".train-00001-abcd_123.arrow").write_bytes(b"half a shard")
    encode(source, tmp_path / "out", workers=1, resume=True)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert encode(source, tmp_path / "out", workers=1, resume=True).train == 2_250


@pytest.mark.parametrize("resume", [True, False])
def test_a_folder_of_the_user_named_like_one_of_an_encoding_is_left_alone(tmp_path: Path, resume: bool) -> None:
    mine = tmp_path / "out" / encoding.PROVISIONAL / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="Expected: a new or an empty folder"):
        encode("synthetic:100", tmp_path / "out", workers=1, resume=resume)
    assert mine.read_text(encoding="utf-8") == "mine"


def test_the_progress_counts_up_to_all_of_the_work(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    encode("synthetic:5000", tmp_path / "out", workers=1, progress=lambda *now: told.append(now))
    assert told == sorted(told)
    assert told[0][1] < told[-1][1]
    assert told[-1] == (5_000, pytest.approx(1.0))


@pytest.mark.parametrize("option", ["test", "text_column", "label_column", "encoding"])
@pytest.mark.parametrize("source", ["synthetic:100", "synthetic", "tfds"])
def test_what_is_said_of_tables_is_refused_for_other_sources(tmp_path: Path, source: str, option: str) -> None:
    with pytest.raises(DataError, match=f"with {option}. Expected: tables, as files:PATTERN. Received: '{source}'"):
        encode(source, tmp_path / "out", workers=1, **{option: "utf-8"})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_only_the_same_encoding_goes_on(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", texts_and_labels(100))
    write_rows(tmp_path / "b.jsonl", texts_and_labels(200))
    encode(f"files:{tmp_path}/a.jsonl", tmp_path / "out", workers=1)
    before = contents(tmp_path / "out")
    for source, settings in (
        (f"files:{tmp_path}/b.jsonl", {}),
        (f"files:{tmp_path}/a.jsonl", {"vocabulary": Vocabulary(["film"])}),
        ("synthetic:100", {}),
    ):
        with pytest.raises(DataError, match="Received: others"):
            encode(source, tmp_path / "out", workers=1, resume=True, **settings)
    assert contents(tmp_path / "out") == before


def test_another_split_of_the_same_files_is_another_encoding(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_rows(tmp_path / f"{name}.jsonl", texts_and_labels(100))
    encode(f"files:{tmp_path}/[ab].jsonl", tmp_path / "out", workers=1)
    with pytest.raises(DataError, match="Received: others"):
        encode(f"files:{tmp_path}/a.jsonl", tmp_path / "out", test=f"{tmp_path}/b.jsonl", workers=1, resume=True)
    given = Vocabulary(["film"])
    encode(f"files:{tmp_path}/[ab].jsonl", tmp_path / "one", vocabulary=given, workers=1)
    encode(f"files:{tmp_path}/a.jsonl", tmp_path / "two", test=f"{tmp_path}/b.jsonl", vocabulary=given, workers=1)
    assert len({load_reviews(f"shards:{tmp_path}/{name}").fingerprint for name in ("one", "two")}) == 2


def test_a_file_for_training_cannot_be_for_the_evaluation(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", texts_and_labels(100))
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "a.jsonl")
    with pytest.raises(DataError, match="Expected: files that are not for training"):
        encode(f"files:{tmp_path}/a.jsonl", tmp_path / "out", test=f"{tmp_path}/b.jsonl", workers=1)


def test_all_files_are_looked_at_before_the_first_is_encoded(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", texts_and_labels(3_000))
    (tmp_path / "b.csv").write_text("text,sentiment\ngood,1\n", encoding="utf-8")
    told: list[int] = []
    with pytest.raises(DataError, match=r"labels of .*b\.csv\. Expected: a column 'label'"):
        encode(f"files:{tmp_path}/*.*", tmp_path / "out", workers=1, progress=lambda reviews, _: told.append(reviews))
    assert not told


def test_the_name_of_a_file_is_its_own_pattern(tmp_path: Path) -> None:
    write_rows(tmp_path / "a[1].jsonl", texts_and_labels(200))
    assert encode(f"files:{tmp_path}/a[1].jsonl", tmp_path / "out", workers=1).train == 180
    with pytest.raises(DataError, match=r"Received: none\. To match the character \[ itself, write \[\[\]"):
        encode(f"files:{tmp_path}/b[1].jsonl", tmp_path / "other", workers=1)


def test_the_first_rows_of_json_lines_may_have_no_label(tmp_path: Path) -> None:
    rows = [{"text": "A film"}] * 5_000 + [{"text": f"A film {i}", "label": i // 3 % 2} for i in range(400)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    encoded = encode(f"files:{tmp_path}/a.jsonl", tmp_path / "out", workers=1)
    assert (encoded.train + encoded.test, encoded.skipped) == (400, 5_000)


def test_the_words_of_a_given_vocabulary_are_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MAX_COUNTED", 50)
    texts = ["seldom 😀 film", *(f"word{number} film" for number in range(3_000)), "seldom 😀 film"]
    write_rows(tmp_path / "a.jsonl", LabelledTexts(texts, (np.arange(len(texts)) % 3 == 0).astype(np.int8)))
    write_rows(tmp_path / "test.jsonl", texts_and_labels(20))
    given = Vocabulary(["film", "seldom"])
    source, test = f"files:{tmp_path}/a.jsonl", f"{tmp_path}/test.jsonl"
    encode(source, tmp_path / "out", test=test, vocabulary=given, workers=1)
    train = load_reviews(f"shards:{tmp_path}/out").train
    assert train[0].tolist() == given.encode_typed(texts[0]) == train[len(train) - 1].tolist()


def test_a_damaged_shard_is_not_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = f"synthetic:{2 * SYNTHETIC_BLOCK}"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(encoding, "_write_final", interrupt)
    with pytest.raises(KeyboardInterrupt):
        encode(source, tmp_path / "out", workers=1)
    monkeypatch.undo()
    shard = tmp_path / "out" / encoding.PROVISIONAL / "train-00000.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match=r"a file with the SHA-256 .* Encode the source again"):
        encode(source, tmp_path / "out", workers=1, resume=True)


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ([], "list indices must be"),
        (
            {"train": [{"name": "../a.jsonl", "reviews": 1, "sha256": ""}], "test": []},
            "a shard with a path in its name",
        ),
        ({"train": [{"name": "train-00000.arrow"}], "test": []}, "'reviews'"),
    ],
)
def test_a_damaged_state_is_not_resumed_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: object, message: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(encoding, "_write_final", interrupt)
    with pytest.raises(KeyboardInterrupt):
        encode("synthetic:100", tmp_path / "out", workers=1)
    monkeypatch.undo()
    file = tmp_path / "out" / STATE_FILE
    with pyarrow.OSFile(str(file)) as source:
        batch = pyarrow.ipc.open_file(source).get_batch(0)
    facts = json.loads(batch.schema.metadata[b"facts"]) | {"shards": shards}
    batch = batch.replace_schema_metadata({b"facts": json.dumps(facts)})
    with pyarrow.ipc.new_file(str(file), batch.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(DataError, match=rf"Expected: the state of an encoding in {STATE_FILE}\. Received: .*{message}"):
        encode("synthetic:100", tmp_path / "out", workers=1, resume=True)


@pytest.mark.usefixtures("small_shards")
def test_a_source_that_is_loaded_is_encoded_again_after_it_was_killed(tmp_path: Path) -> None:
    program = KILLED.replace("write_state", "_complete")
    source = "synthetic"
    encode(source, tmp_path / "whole", workers=1)
    for moment in ("write_shard 2", "_complete 1"):
        out = tmp_path / moment
        ended = subprocess.run([sys.executable, "-c", program, source, str(out), moment], check=False)
        assert ended.returncode == -signal.SIGKILL
        with pytest.raises(DataError, match="--resume"):
            encode(source, out, workers=1)
        encode(source, out, workers=1, resume=True)
        np.testing.assert_array_equal(
            load_reviews(f"shards:{out}").train.lengths, load_reviews(f"shards:{tmp_path / 'whole'}").train.lengths
        )


@pytest.mark.parametrize("name", [".test-settings.json", "provisional/my-data.arrow", ".lock"])
def test_files_that_are_only_named_alike_are_left_alone(tmp_path: Path, name: str) -> None:
    mine = tmp_path / "out" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="Expected: a new or an empty folder"):
        encode("synthetic:100", tmp_path / "out", workers=1)
    assert mine.read_text(encoding="utf-8") == "mine"


def test_a_worker_that_is_killed_ends_the_encoding_which_can_go_on(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "encode", "synthetic:60000", str(tmp_path / "out"), "--workers", "2"]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{started.pid}/task/{started.pid}/children")
    deadline = time.monotonic() + 60
    # Both, and the one of `multiprocessing`. If one ends while another starts, Python's executor may print a traceback.
    while len(found := children.read_text().split()) < 3:
        assert started.poll() is None, started.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(int(found[-1]), signal.SIGKILL)
    _, said = started.communicate(timeout=60)
    assert started.returncode == 1
    assert "--resume" in said
    assert said.count("\n") == 1, said


def test_rows_without_a_text_or_a_label_are_left_out_and_named(tmp_path: Path, run_here: Run) -> None:
    rows = [
        {"text": "A good film", "label": "pos"},
        {"text": "A bad film", "label": "neg"},
        {"text": "…", "label": "neg"},
        {"text": None, "label": 1},
        {"text": "A film", "label": -1},
        {"text": "A film", "label": None},
        {"text": "A fine film", "label": True},
        {"text": "A poor film", "label": "NEGATIVE"},
    ]
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    status, output, said = run_here("encode", "files:a.jsonl", "out", "--test", "b.jsonl", "--workers", "1", "--json")
    assert status == 0, said
    result = json.loads(output)
    assert (result["train"], result["test"], result["skipped"]) == (4, 4, 8)
    again = run_here("encode", "files:a.jsonl", "out", "--test", "b.jsonl", "--workers", "1", "--json", "--resume")
    assert again == (status, output, said)
    assert "a.jsonl, row 3: no words" in said
    assert "a.jsonl, row 5: no label of two classes, but -1" in said
    assert "left out 8 rows in all" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("files:none-*.csv", "out"), "Cannot read none-*.csv. Expected: files that match. Received: none."),
        (("synthetic:" + "9" * 5_000, "out"), "Bad source of reviews. Expected: files:PATTERN or synthetic:COUNT."),
        (("synthetic:5", "out"), "0 positive, 0 negative, and 0 rows that were left out.\n"),
        (("synthetic:0", "out"), "Bad source of reviews. Expected: files:PATTERN or synthetic:COUNT."),
        (("unknown", "out"), "Bad source of reviews."),
        (("files:a.jsonl", "out", "--label-column", "stars"), "Expected: a column 'stars'. Received: text, label."),
        (("files:a.jsonl", "filled"), "Expected: a new or an empty folder."),
        (("files:a.jsonl", "filled", "--resume"), "Expected: a new or an empty folder."),
        (("files:a.jsonl", "a.jsonl"), "Cannot write to a.jsonl."),
        (("files:one.jsonl", "out", "--test", "a.jsonl"), "positive and negative reviews in its train split"),
        (
            ("files:few.jsonl", "out"),
            "positive and negative reviews in its test split. Received: 1 positive, 0 negative",
        ),
        (("files:a.jsonl", "out", "--vocabulary", "none.json"), "Cannot read the word index none.json."),
    ],
)
def test_what_cannot_be_encoded_is_refused_in_one_line(
    tmp_path: Path, run_here: Run, arguments: tuple[str, ...], message: str
) -> None:
    write_rows(tmp_path / "a.jsonl", texts_and_labels(60))
    write_rows(tmp_path / "one.jsonl", LabelledTexts(["A good film"] * 5, np.ones(5, np.int8)))
    write_rows(tmp_path / "few.jsonl", texts_and_labels(5))
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "mine.txt").write_text("mine", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    status, output, said = run_here("encode", *arguments, "--workers", "1")
    assert status == 1
    assert output == ""
    assert message in said
    assert said.count("\n") == 1, said
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "filled" / "mine.txt").read_text(encoding="utf-8") == "mine"


@pytest.fixture
def encoded(tmp_path: Path) -> Path:
    write_rows(tmp_path / "a.jsonl", texts_and_labels(120))
    encode(f"files:{tmp_path}/a.jsonl", tmp_path / "out", workers=1)
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *product(
            ("train-00000.arrow", "test-00000.arrow", "word_index.json"), ("missing", "shorter", "changed", "empty")
        ),
        *product(("shards.json",), ("missing", "shorter", "empty")),
    ],
)
def test_a_damaged_file_is_named(encoded: Path, name: str, damage: str) -> None:
    file = encoded / name
    content = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    elif damage == "changed":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    else:
        file.write_bytes(content[: len(content) // 2 if damage == "shorter" else 0])
    with pytest.raises(DataError, match=f"Cannot read .*{name if name != 'shards.json' else ''}"):
        load_reviews(f"shards:{encoded}")


def test_a_shard_elsewhere_is_not_read(encoded: Path) -> None:
    content = json.loads((encoded / "shards.json").read_bytes())
    content["train"][0]["name"] = "../a.jsonl"
    (encoded / "shards.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match="a shard with a path in its name"):
        load_reviews(f"shards:{encoded}")


def test_others_can_read_a_shard(encoded: Path) -> None:
    polars = pytest.importorskip("polars", reason="polars is not installed here")
    frame = polars.read_ipc(encoded / "train-00000.arrow")
    expected = in_memory(load_reviews(f"shards:{encoded}").train)
    assert frame.columns == ["ids", "label"]
    assert frame["ids"].to_list() == [expected[i].tolist() for i in range(len(expected))]
    np.testing.assert_array_equal(frame["label"].to_numpy(), expected.labels)


def test_shards_are_described_without_loading_them(encoded: Path, run_here: Run) -> None:
    status, output, said = run_here("data", f"shards:{encoded}", "--json")
    assert status == 0, said
    assert json.loads(output)["train"]["reviews"] == 108


def test_beyond_a_limit_the_rarest_words_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MAX_COUNTED", 400)
    texts = LabelledTexts(
        [f"good bad film number{i} word{i}" for i in range(3_000)], (np.arange(3_000) // 3 % 2).astype(np.int8)
    )
    write_rows(tmp_path / "a.jsonl", texts)
    found = encode(f"files:{tmp_path}/a.jsonl", tmp_path / "out", workers=1)
    assert found.words <= 2_400
    corpus = load_reviews(f"shards:{tmp_path / 'out'}")
    assert corpus.vocabulary.words[:3] == ("bad", "film", "good")
    assert corpus.vocabulary.decode(corpus.train[0]).startswith("good bad film")
    # Of the words that occur once, those of the last block are known.
    assert 0.3 < np.mean(in_memory(corpus.train).ids == OOV) < 0.4


def test_a_long_vocabulary_is_cut_where_its_file_would_be_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "MAX_WORDS", 5)
    write_rows(tmp_path / "a.jsonl", texts_and_labels(60))
    assert encode(f"files:{tmp_path}/a.jsonl", tmp_path / "out", workers=1).words == 5
    assert len(load_reviews(f"shards:{tmp_path / 'out'}").vocabulary) == 5


def test_a_shard_from_a_stranger_is_refused_or_read_and_never_ends_the_program(encoded: Path) -> None:
    """Whoever changes a file can also change its SHA-256 in shards.json."""
    file, random = encoded / "train-00000.arrow", np.random.default_rng(3)
    content = file.read_bytes()
    listed = json.loads((encoded / "shards.json").read_bytes())
    refused = 0
    for _ in range(150):
        changed = bytearray(content)
        # Half of the places are in the header and the footer, which say where everything is.
        place = random.integers(len(content)) if random.random() < 0.5 else random.integers(-700, 600)
        changed[place] = random.integers(256)
        file.write_bytes(changed)
        listed["train"][0]["sha256"] = hashlib.sha256(changed).hexdigest()
        (encoded / "shards.json").write_text(json.dumps(listed), encoding="utf-8")
        try:
            in_memory(load_reviews(f"shards:{encoded}").train)
        except DataError:
            refused += 1
    assert refused > 30
