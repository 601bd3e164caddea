"""Many files are scored into a folder: each once and as a whole, also after an interruption or by two workers."""

import gzip
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends_test.tests.command_line import INTERRUPTIBLE, PROGRAM, Run
from backends_test.tests.scored_parts import (
    a_part_is_done_and_another_half_written,
    bytes_in,
    half_written,
    records_in,
    wait_until,
    workers_at,
)
from imdb_rnn import Classifier, ReviewError, score_file, score_parts
from imdb_rnn.scoring import on_processes, parts
from imdb_rnn.scoring.parts import RECORDS, PartScorer, find_parts

PARTS, ROWS = 6, 1_500


def texts_of(part: int, rows: int) -> list[str]:
    """Reviews, every ninth of which cannot be read."""
    return ["😀" if row % 9 == 5 else f"A good, bad or dull film, number {part} {row}. " * 3 for row in range(rows)]


def write_parts(folder: Path, count: int = PARTS, rows: int = ROWS) -> str:
    """Write CSV files, and return the pattern that matches them."""
    for part in range(count):
        lines = ["id,text", *(f'{row},"{text}"' for row, text in enumerate(texts_of(part, rows)))]
        (folder / f"part-{part}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder / "part-*.csv")


@pytest.fixture(scope="module")
def classifier(saved: Path) -> Classifier:
    return Classifier.load(saved)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_parts(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def complete(pattern: str, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What `score_file` writes for each file."""
    folder = tmp_path_factory.mktemp("complete")
    for part in find_parts(pattern, folder):
        score_file(classifier, part, folder / part.name, workers=1)
    return bytes_in(folder)


@pytest.mark.parametrize("workers", [1, 3, PARTS * 2])
def test_every_file_has_the_output_of_one_file_for_any_number_of_processes(
    classifier: Classifier, pattern: str, complete: dict[str, bytes], tmp_path: Path, workers: int
) -> None:
    calls: list[tuple[int, int, int]] = []
    scored = score_parts(
        classifier,
        pattern,
        tmp_path / "out",
        workers=workers,
        progress=lambda done, parts, so_far: calls.append((done, parts, so_far.rows)),
    )
    assert bytes_in(tmp_path / "out") == complete
    assert records_in(tmp_path / "out") == [f"part-{part}.csv.json" for part in range(PARTS)]
    assert (scored.rows, scored.unscored) == (PARTS * ROWS, PARTS * 167)
    assert calls == [(done, PARTS, done * ROWS) for done in range(PARTS + 1)]


def test_files_of_any_format_keep_it_and_a_text_file_becomes_a_table(classifier: Classifier, tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"text": ["good", "bad"]}), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"text": "good"}\n'))
    (tmp_path / "c.txt").write_text("good\nbad\n", encoding="utf-8")
    (tmp_path / "d.TSV").write_text("id\ttext\n1\tgood\n", encoding="utf-8")
    (tmp_path / "e.csv").write_text("text\n", encoding="utf-8")
    scored = score_parts(classifier, str(tmp_path / "?.*"), tmp_path / "out", workers=1)
    assert scored.rows == 6
    assert [*bytes_in(tmp_path / "out")] == ["a.parquet", "b.jsonl.gz", "c.txt.csv", "d.TSV", "e.csv"]
    assert (tmp_path / "out" / "c.txt.csv").read_text(encoding="utf-8").startswith("text,score,label,reason\ngood,0.")
    assert (tmp_path / "out" / "e.csv").read_text(encoding="utf-8") == "text,score,label,reason\n"


def test_a_reader_of_the_folder_sees_the_rows_that_are_done_and_nothing_else(
    classifier: Classifier, tmp_path: Path
) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for part in range(2):
        parquet.write_table(pyarrow.table({"text": ["good", "bad"]}), tmp_path / f"{part}.parquet")
    out, seen = tmp_path / "out", []

    def read(done: int, parts: int, scored: object) -> None:
        (out / RECORDS / "1.parquet.other-worker").mkdir(exist_ok=True)
        (out / RECORDS / "1.parquet.other-worker" / "1.parquet").write_text("half a file", encoding="utf-8")
        seen.append(parquet.read_table(out).num_rows if done else 0)

    score_parts(classifier, str(tmp_path / "*.parquet"), out, workers=1, progress=read)
    assert seen == [0, 2, 4]


def test_files_that_are_done_are_not_scored_again(
    classifier: Classifier, pattern: str, complete: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = score_parts(classifier, pattern, out, workers=1)
    written = {name: (out / name).stat().st_mtime_ns for name in complete}
    (out / "part-3.csv").unlink()
    assert score_parts(classifier, pattern, out, workers=1, resume=True) == first
    assert bytes_in(out) == complete
    same = [name for name, before in written.items() if before == (out / name).stat().st_mtime_ns]
    assert same == [name for name in complete if name != "part-3.csv"]
    before = (out / "part-3.csv").stat().st_mtime_ns
    assert PartScorer(classifier, out).score(Path(pattern).with_name("part-3.csv")).rows == ROWS
    assert (out / "part-3.csv").stat().st_mtime_ns == before


def predict(saved: Path, pattern: str, out: Path, *more: str) -> list[str]:
    arguments = ["predict", str(saved), "--file", pattern, "--out", str(out), "--workers", "2", *more]
    return [sys.executable, "-c", INTERRUPTIBLE, *arguments]


@pytest.fixture(scope="module")
def large(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, bytes]]:
    """A pattern whose files take some seconds each, and their outputs."""
    folder = tmp_path_factory.mktemp("large")
    pattern = write_parts(folder, 4, 24_000)
    score_parts(classifier, pattern, folder / "out", workers=2)
    return pattern, bytes_in(folder / "out")


def test_a_killed_run_continues_and_no_file_is_lost_or_doubled(
    saved: Path, large: tuple[str, dict[str, bytes]], tmp_path: Path
) -> None:
    pattern, complete = large
    out = tmp_path / "out"
    with subprocess.Popen(predict(saved, pattern, out), start_new_session=True) as process:
        wait_until(a_part_is_done_and_another_half_written(out), process)
        os.killpg(process.pid, signal.SIGKILL)
    done = bytes_in(out)
    assert done
    assert done.items() < complete.items(), "what is there is complete"
    refused = subprocess.run(predict(saved, pattern, out), capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "Received: one with scored files. To resume, run the same command with --resume." in refused.stderr
    completed = subprocess.run(predict(saved, pattern, out, "--resume"), capture_output=True, text=True, check=False)
    assert (completed.returncode, completed.stdout) == (0, f"96,000 rows, saved in {out}\n"), completed.stderr
    assert bytes_in(out) == complete
    assert records_in(out) == [f"part-{part}.csv.json" for part in range(4)]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_keeps_what_is_done_and_leaves_no_process_behind(
    saved: Path, large: tuple[str, dict[str, bytes]], tmp_path: Path, number: int, status: int
) -> None:
    pattern, complete = large
    out = tmp_path / "out"
    command = predict(saved, pattern, out)
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
        # The third file is given to a process when the first one is known to be done.
        wait_until(lambda: [file for file in half_written(out) if file.name > "part-2"], process)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == status, said
    *kept, ended = said.splitlines()
    assert all(
        re.fullmatch(rf"Scored so far, in {out}: \d of \d files\. To resume, run .* --resume\.", line) for line in kept
    )
    assert len(kept) <= 1
    assert ended.startswith("imdb-rnn: ")
    end = time.monotonic() + 10
    while group_exists(process.pid):
        assert time.monotonic() < end, "processes were left behind"
        time.sleep(0.05)
    done = bytes_in(out)
    assert 0 < len(done) < 4
    assert done.items() < complete.items()
    # The record of a file comes before the file itself.
    records = [f"part-{part}.csv.json" for part in range(4)]
    assert {f"{name}.json" for name in done} <= {*records_in(out)} <= {*records}, "a part that was begun leaves nothing"


def test_ctrl_c_while_processes_start_is_told_in_one_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        INTERRUPTIBLE,
        "encode",
        "synthetic:60000",
        str(tmp_path / "out"),
        "--workers",
        "3",
    ]
    with subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        # The first one is that of `multiprocessing`, which watches over what processes share.
        wait_until(lambda: len(children.read_text(encoding="utf-8").split()) > 2, process)
        os.killpg(process.pid, signal.SIGINT)
        try:
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said) == (130, "imdb-rnn: interrupted\n")


def test_a_full_disk_is_told_with_the_file_and_what_to_do(saved: Path, pattern: str, tmp_path: Path) -> None:
    # Of a size that no output may have: as on a full disk, writing fails.
    program = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9_999, 9_999)); {PROGRAM}"
    command = [sys.executable, "-c", program, *predict(saved, pattern, tmp_path / "out", "--workers", "1")[3:]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"imdb-rnn: Cannot write {tmp_path}/out/part-0.csv. Expected: a folder that can be written.")
    assert line.endswith("To resume, run the same command with --resume.")


def test_a_folder_may_have_the_characters_of_a_pattern_in_its_name(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "of [1] *" / "in"
    folder.mkdir(parents=True)
    write_parts(folder, 2, 3)
    monkeypatch.chdir(folder.parent)
    assert score_parts(classifier, "in/part-*.csv", Path("out"), workers=1).rows == 6
    with pytest.raises(ReviewError, match="Expected: a folder whose files do not match"):
        score_parts(classifier, "[io]*/part-*.csv", Path("other"), workers=1)


def test_a_run_that_ended_before_its_first_file_can_be_repeated(
    pattern: str, complete: dict[str, bytes], classifier: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "out" / RECORDS).mkdir(parents=True)
    score_parts(classifier, pattern, tmp_path / "out", workers=1)
    assert bytes_in(tmp_path / "out") == complete


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_process_is_told_and_its_file_is_done_again(
    saved: Path, large: tuple[str, dict[str, bytes]], tmp_path: Path
) -> None:
    pattern, complete = large
    out = tmp_path / "out"
    with subprocess.Popen(predict(saved, pattern, out), stderr=subprocess.PIPE, text=True) as process:
        wait_until(a_part_is_done_and_another_half_written(out), process)
        os.kill(wait_until(lambda: workers_at(out), process).pop(), signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Expected: a process that runs to its end. Received: one that was killed" in said
    assert bytes_in(out).items() < complete.items()
    completed = subprocess.run(predict(saved, pattern, out, "--resume"), capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    assert bytes_in(out) == complete


def call_once_in_a_part(monkeypatch: pytest.MonkeyPatch, function: Callable[[], object]) -> None:
    """Let the next part that is scored call a function after its first block."""
    waiting = [function]

    def score_and_call(*arguments: Any, **options: Any) -> Any:
        options["progress"] = lambda table, scored: waiting.pop()() if waiting else None
        return score_file(*arguments, **options)

    monkeypatch.setattr(parts, "score_file", score_and_call)


def test_a_worker_that_was_believed_dead_changes_nothing_by_going_on(
    classifier: Classifier, pattern: str, complete: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, part = tmp_path / "out", Path(pattern).with_name("part-0.csv")
    (out / RECORDS).mkdir(parents=True)
    scorer, begun, go_on = PartScorer(classifier, out), threading.Event(), threading.Event()
    results: list[Any] = []

    def hang() -> None:
        begun.set()
        assert go_on.wait(60)

    call_once_in_a_part(monkeypatch, hang)
    believed_dead = threading.Thread(target=lambda: results.append(scorer.score(part)))
    believed_dead.start()
    assert begun.wait(60)
    again = scorer.score(part)
    assert bytes_in(out) == {"part-0.csv": complete["part-0.csv"]}
    go_on.set()
    believed_dead.join()
    assert results == [again]
    assert bytes_in(out) == {"part-0.csv": complete["part-0.csv"]}
    assert records_in(out) == ["part-0.csv.json"]


def test_a_worker_that_goes_on_after_the_run_is_complete_writes_nothing(
    classifier: Classifier, pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, part = tmp_path / "out", Path(pattern).with_name("part-0.csv")
    (out / RECORDS).mkdir(parents=True)
    call_once_in_a_part(monkeypatch, lambda: score_parts(classifier, pattern, out, workers=1, resume=True))
    assert PartScorer(classifier, out).score(part).rows == ROWS
    before = bytes_in(out)
    assert len(before) == PARTS
    shutil.rmtree(out)
    (out / RECORDS).mkdir(parents=True)
    call_once_in_a_part(monkeypatch, lambda: shutil.rmtree(out, ignore_errors=True))
    with pytest.raises(ReviewError, match="No such file"):
        PartScorer(classifier, out).score(part)
    assert not out.exists(), "a folder that the user has removed stays so"


def test_two_commands_at_the_same_time_are_as_good_as_one(
    saved: Path, pattern: str, complete: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    processes = [
        subprocess.Popen(predict(saved, pattern, out, "--resume"), stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert bytes_in(out) == complete
    assert len(records_in(out)) == PARTS


def test_a_run_is_continued_only_with_what_it_began_with(
    classifier: Classifier, robust: tuple[Path, Any], tmp_path: Path
) -> None:
    out, pattern = tmp_path / "out", write_parts(tmp_path, 2, 10)
    score_parts(classifier, pattern, out, workers=1)
    (out / "part-1.csv").unlink()
    before = bytes_in(out)
    other = Classifier.load(robust[0])
    for model, encoding, received in ((other, None, "another model"), (classifier, "cp1252", "another options")):
        with pytest.raises(ReviewError, match=rf"Received: {received}\. Give the same, or name another folder"):
            score_parts(model, pattern, out, encoding=encoding, workers=1, resume=True)
    with (tmp_path / "part-0.csv").open("a", encoding="utf-8") as part:
        part.write("10,good\n")
    with pytest.raises(ReviewError, match=r"Received: another input\."):
        score_parts(classifier, pattern, out, workers=1, resume=True)
    assert bytes_in(out) == before


def test_files_that_come_later_are_added(classifier: Classifier, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pattern = write_parts(tmp_path, 3, 10)
    later = (tmp_path / "part-2.csv").rename(tmp_path / "not yet")
    score_parts(classifier, pattern, out, workers=1)
    later.rename(tmp_path / "part-2.csv")
    assert score_parts(classifier, pattern, out, workers=1, resume=True).rows == 30
    assert [*bytes_in(out)] == ["part-0.csv", "part-1.csv", "part-2.csv"]


def test_a_file_that_has_changed_in_its_middle_is_another_one(classifier: Classifier, tmp_path: Path) -> None:
    out, pattern = tmp_path / "out", write_parts(tmp_path, 2, 50_000)
    score_parts(classifier, pattern, out, workers=1)
    part = tmp_path / "part-1.csv"
    content = bytearray(part.read_bytes())
    assert len(content) > 3 << 20, "only its beginning and its end are read"
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(ReviewError, match="Received: another input"):
        score_parts(classifier, pattern, out, workers=1, resume=True)


def test_strict_does_not_take_over_a_part_without_all_scores(classifier: Classifier, tmp_path: Path) -> None:
    out, pattern = tmp_path / "out", write_parts(tmp_path, 1, 10)
    assert score_parts(classifier, pattern, out, workers=1).unscored
    with pytest.raises(ReviewError, match="Expected: a score for each row, as --strict demands"):
        score_parts(classifier, pattern, out, workers=1, strict=True, resume=True)


def test_what_else_lies_beside_the_records_is_left_alone(classifier: Classifier, tmp_path: Path) -> None:
    out, pattern = tmp_path / "out", write_parts(tmp_path, 1, 10)
    score_parts(classifier, pattern, out, workers=1)
    mine = [out / RECORDS / name for name in ("notes/mine.txt", ".mine", "part-7.csv.abcd_123/part-7.csv")]
    left = out / RECORDS / "part-0.csv.abcd_123" / "part-0.csv"
    record = out / RECORDS / ".part-0.csv-abcd_123.json"
    for file in (*mine, left, record):
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine", encoding="utf-8")
    score_parts(classifier, pattern, out, workers=1, resume=True)
    assert all(file.exists() for file in mine)
    assert not left.parent.exists()
    assert not record.exists()


def test_the_folder_of_the_outputs_may_match_the_pattern(classifier: Classifier, tmp_path: Path) -> None:
    write_parts(tmp_path, 2, 10)
    for resume in (False, True):
        assert score_parts(classifier, f"{tmp_path}/part*", tmp_path / "parts", workers=1, resume=resume).rows == 20


def test_all_processes_have_started_before_one_is_waited_for(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, running = on_processes._send, []

    def note(*arguments: Any) -> None:
        running.append(len(multiprocessing.active_children()))
        send(*arguments)

    monkeypatch.setattr(on_processes, "_send", note)
    score_parts(classifier, write_parts(tmp_path, 3, 10), tmp_path / "out", workers=3)
    assert running[0] == 3


def test_a_process_that_ends_as_it_starts_is_told(saved: Path, tmp_path: Path) -> None:
    """Here because the program lacks the line that the error names, and so begins again in each process."""
    pattern, out = write_parts(tmp_path, 3, 10), str(tmp_path / "out")
    program = f"""
from pathlib import Path
from imdb_rnn import Classifier, score_parts
score_parts(Classifier.load({str(saved)!r}), {pattern!r}, Path({out!r}), workers=2)
"""
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "program.py")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert '`if __name__ == "__main__":`' in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "content", ["", "nonsense", "[]", "{}", '{"origin": 1, "rows": 1, "unscored": 0, "words": [1]}']
)
def test_a_damaged_record_is_told(classifier: Classifier, tmp_path: Path, content: str) -> None:
    out, pattern = tmp_path / "out", write_parts(tmp_path, 1, 10)
    score_parts(classifier, pattern, out, workers=1)
    record = out / RECORDS / "part-0.csv.json"
    record.write_text(content, encoding="utf-8")
    with pytest.raises(ReviewError, match=r"Expected: the record .* Remove .*part-0\.csv and .*part-0\.csv\.json"):
        score_parts(classifier, pattern, out, workers=1, resume=True)
    assert record.read_text(encoding="utf-8") == content


def test_a_file_of_the_user_in_the_folder_is_not_touched(classifier: Classifier, tmp_path: Path) -> None:
    out, pattern = tmp_path / "out", write_parts(tmp_path, 2, 10)
    out.mkdir()
    (out / "part-1.csv").write_text("mine", encoding="utf-8")
    for resume in (False, True):
        with pytest.raises(ReviewError, match=r"Expected: a new or empty folder\. Received: one with other files\."):
            score_parts(classifier, pattern, out, workers=1, resume=resume)
    (out / RECORDS).mkdir()
    with pytest.raises(ReviewError, match=r"Received: one that this command has not written\. Remove it, or name"):
        score_parts(classifier, pattern, out, workers=1, resume=True)
    assert (out / "part-1.csv").read_text(encoding="utf-8") == "mine"


def test_an_output_that_is_lost_before_the_end_is_told(classifier: Classifier, tmp_path: Path) -> None:
    out, pattern = tmp_path / "out", write_parts(tmp_path, 2, 10)

    def lose(done: int, parts: int, scored: object) -> None:
        if done == 2:
            (out / "part-0.csv").unlink()

    with pytest.raises(
        ReviewError, match=r"Cannot complete .* Expected: an output for each of 2 files\. .* part-0\.csv"
    ):
        score_parts(classifier, pattern, out, workers=1, progress=lose)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("nowhere")], ids=["a pipe", "a broken link"])
def test_what_is_no_file_is_refused_before_the_others_are_scored(
    classifier: Classifier, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    pattern = write_parts(tmp_path, 1, 10)
    make(tmp_path / "part-1.csv")
    with pytest.raises(
        ReviewError, match=r"Received: .*/part-1\.csv, which is a pipe, a device, or a link to nothing\."
    ):
        score_parts(classifier, pattern, tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_strict_stops_at_a_row_that_cannot_be_scored_and_names_its_file(
    classifier: Classifier, pattern: str, tmp_path: Path, workers: int
) -> None:
    with pytest.raises(ReviewError, match=r"Cannot read row 6 of .*part-\d\.csv\. .* Without --strict"):
        score_parts(classifier, pattern, tmp_path / "out", workers=workers, strict=True)
    assert bytes_in(tmp_path / "out") == {}
    assert records_in(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("pattern", "out", "message"),
    [
        ("none-*.csv", "out", "Expected: a pattern that matches files. Received: one that matches none."),
        ("*", "out", "Received: the folder"),
        (
            "[ot][nw][eo]/a.csv",
            "out",
            "Cannot write out/a.csv. Expected: one file of that name. Received: one/a.csv and two/a.csv.",
        ),
        ("one/*", "one", "Expected: a folder whose files do not match one/*. Received: one whose file a.csv would."),
        (
            "*/*.csv",
            "new",
            "Expected: a folder whose files do not match */*.csv. Received: one whose file a.csv would.",
        ),
        ("one/*", "none/out", "Expected: a folder that can be made. Received: [Errno 2]"),
        ("one/*", "file.txt", "Expected: a folder that can be made. Received: [Errno 17]"),
        ("one/*", "two", "Expected: a new or empty folder. Received: one with other files."),
    ],
)
def test_a_pattern_or_a_folder_that_cannot_be_used_is_told_and_nothing_changes(
    run_here: Run, saved: Path, tmp_path: Path, pattern: str, out: str, message: str
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.csv").write_text("text\ngood\n", encoding="utf-8")
    (tmp_path / "file.txt").write_text("mine", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    status, output, said = run_here("predict", saved, "--file", pattern, "--out", out)
    assert (status, output) == (1, "")
    assert message in said.replace(f"{tmp_path}/", ""), said
    assert said.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "scored.csv"), "--out needs --file."),
        (("--resume",), "--resume needs --out."),
        (("--file", "part-0.csv", "--resume"), "--resume needs --out."),
        (("--file", "part-*.csv"), "--file with a pattern needs --out, a folder."),
        (("--file", "part-0.csv", "--out", "out", "--engine", "ray"), "--engine ray needs --file with a pattern, such"),
        (("--engine", "ray", "good"), '--engine ray needs --file with a pattern, such as "part-*.csv".'),
        (("good", "--samples"), "Only one of TEXT, --file and --samples can be given."),
        (("part-1.csv", "--file", "part-0.csv", "--out", "out"), "If --file is a pattern, put it in quotation marks."),
    ],
)
def test_options_that_do_not_belong_together_are_a_wrong_command_line(
    run_here: Run, saved: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    write_parts(tmp_path, 2, 10)
    status, output, said = run_here("predict", saved, *arguments)
    assert (status, output) == (2, "")
    assert said.startswith("Usage: imdb-rnn predict ")
    assert message in said.splitlines()[-1]
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["part-0.csv", "part-1.csv"]


def test_the_command_says_what_it_has_written(run_here: Run, saved: Path, tmp_path: Path) -> None:
    write_parts(tmp_path, 2, 10)
    said = "imdb-rnn: 2 of 20 rows could not be read and have no score.\n"
    arguments = ("predict", saved, "--file", "part-*.csv", "--out", "out", "--workers", "1")
    assert run_here(*arguments) == (0, "20 rows, saved in out\n", said)
    completed = run_here(*arguments, "--resume", "--json")
    assert json.loads(completed.output) == {"rows": 20, "unscored": 2, "out": "out"}


def test_a_file_whose_name_looks_like_a_pattern_is_one_file(run_here: Run, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "part-[1].csv").write_text("text\ngood\n", encoding="utf-8")
    assert run_here("predict", saved, "--file", "part-[1].csv", "--out", "scored.csv").status == 0
    assert (tmp_path / "scored.csv").is_file()


def test_an_unknown_engine_is_told(classifier: Classifier, pattern: str, tmp_path: Path) -> None:
    with pytest.raises(ReviewError, match=r"Bad `engine`\. Expected: one of local, ray\. Received: 'spark'\."):
        score_parts(classifier, pattern, tmp_path / "out", engine="spark")  # type: ignore[arg-type]


# In a process where Ray and pyarrow cannot be imported, whether they are installed or not.
WITHOUT_RAY = f"import sys; sys.modules.update(ray=None, pyarrow=None); {PROGRAM}"


def test_ray_is_needed_only_by_its_engine_whose_error_names_the_extra(saved: Path, tmp_path: Path) -> None:
    pattern = write_parts(tmp_path, 2, 10)
    local, ray = (
        subprocess.run(
            [sys.executable, "-c", WITHOUT_RAY, *predict(saved, pattern, tmp_path / engine, "--engine", engine)[3:]],
            capture_output=True,
            text=True,
            check=False,
        )
        for engine in ("local", "ray")
    )
    assert local.returncode == 0, local.stderr
    assert (ray.returncode, ray.stdout) == (1, "")
    assert ray.stderr.startswith("imdb-rnn: Cannot score on Ray. Expected: Ray Data. Received: ")
    assert ray.stderr.endswith('Run: pip install "imdb_rnn[ray]"\n')
    assert ray.stderr.count("\n") == 1
    assert not (tmp_path / "ray").exists(), "a folder that is not used is not made"
