"""Files that a stranger made to do harm are refused: with one line, quickly, in little memory, and nothing is run.

Each is met by the real command line as a real process, or by the library where there is no command. No backend is
needed, and none is loaded.
"""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backends_test.tests.hostile import cached_reviews, reviews, saved_folders
from backends_test.tests.hostile.archives import archive, stored
from backends_test.tests.hostile.attacks import Attack, Maker

# Work that grows with what a file claims takes minutes. On an idle machine each file takes less than a second, beside
# the import of scikit-learn; on one that others use, too, the same work takes several times as long.
CPU_SECONDS = 30
# For each file, beside the start of the program.
MEGABYTES = 150
START_MEGABYTES = 50
PATIENCE_SECONDS = 60  # one that hangs is killed


# --- The same without the harm: these are read -----------------------------------------------------------------------


def good_npz(folder: Path) -> Attack:
    return reviews.attack_array(folder)


def good_archive_by_hand(folder: Path) -> Attack:
    members = [stored(f"{name}.npy", content) for name, content in reviews.members().items()]
    return reviews.attack_npz(folder, archive(*members))


def good_pickle_by_hand(folder: Path) -> Attack:
    rows = b"](](K\1K\2e]K\3a](M\4\0e]e"
    return reviews.attack_pickle(folder, reviews.HEAD + rows + reviews.TAIL)


def good_folder_of_texts(folder: Path) -> Attack:
    reviews.texts(folder)
    return reviews.at_texts(folder)


def good_saved_folder(folder: Path) -> Attack:
    return saved_folders.attack(folder)


def good_estimator(folder: Path) -> Attack:
    saved_folders.save(folder)
    return saved_folders.load_estimator(folder)


HARMLESS = [
    good_npz,
    good_archive_by_hand,
    good_pickle_by_hand,
    good_folder_of_texts,
    good_saved_folder,
    good_estimator,
]
HOSTILE = [*reviews.MAKERS, *saved_folders.MAKERS]


class Outcome(NamedTuple):
    """What a command did.

    Attributes:
        attack: the program that was run.
        found: as `measure.py` tells it.
        before, after: the files that there were: path -> kind and permissions, size, time of the last change.
    """

    attack: Attack
    found: dict[str, Any]
    before: dict[str, tuple[int, int, int]]
    after: dict[str, tuple[int, int, int]]


def files_of(folder: Path) -> dict[str, tuple[int, int, int]]:
    states = {str(file): file.lstat() for file in folder.rglob("*")}
    return {name: (state.st_mode, state.st_size, state.st_mtime_ns) for name, state in states.items()}


def meet(make: Maker, folder: Path) -> Outcome:
    """Make a hostile file in an empty folder and run the command that meets it there."""
    folder.mkdir()
    attack = make(folder)
    before = files_of(folder)
    measured = subprocess.run(
        [sys.executable, Path(__file__).with_name("measure.py"), str(PATIENCE_SECONDS), *attack.command()],
        env=attack.variables(folder),
        cwd=folder,
        capture_output=True,
        check=True,
    )
    outcome = Outcome(attack, json.loads(measured.stdout), before, files_of(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return outcome


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What the programs make of each file that a selected test asks for, two at a time."""
    wanted = {item.callspec.params["name"] for item in request.session.items if "outcomes" in item.fixturenames}
    wanted |= {make.__name__ for make in HARMLESS}
    every = [*HARMLESS, *saved_folders.IGNORED, *HOSTILE, *cached_reviews.MAKERS]
    makers = [make for make in every if make.__name__ in wanted]
    folder = tmp_path_factory.mktemp("hostile")
    with ThreadPoolExecutor(2) as pool:
        started = {make.__name__: pool.submit(meet, make, folder / make.__name__) for make in makers}
        return {name: outcome.result() for name, outcome in started.items()}


@pytest.mark.parametrize("name", [make.__name__ for make in HOSTILE])
def test_a_hostile_file_is_refused_in_one_line_soon_and_in_little_memory(
    name: str, outcomes: dict[str, Outcome]
) -> None:
    _, found, before, after = outcomes[name]
    assert found["status"] == 1, found
    assert found["output"] == ""
    line = found["error"].removesuffix("\n")
    assert line.startswith("imdb-rnn: "), line[:3000]
    assert line.isprintable(), line[:3000]
    assert len(line) < 1_500, line[:3000]
    assert "Expected: " in line
    assert "Received: " in line
    assert after == before
    # Importing scikit-learn takes a hundred megabytes; how much exactly depends on what else is installed.
    estimator = name.startswith("estimator_")
    start = outcomes["good_estimator"].found["megabytes"] if estimator else START_MEGABYTES
    assert found["cpu_seconds"] < CPU_SECONDS, found
    assert found["megabytes"] < MEGABYTES + start, found


@pytest.mark.parametrize("name", [make.__name__ for make in HARMLESS])
def test_the_same_file_without_the_harm_is_read(name: str, outcomes: dict[str, Outcome]) -> None:
    found = outcomes[name].found
    assert (found["status"], found["error"]) == (0, "")
    assert found["output"]


@pytest.mark.parametrize("name", [make.__name__ for make in saved_folders.IGNORED])
def test_harm_in_a_place_that_is_never_looked_at_does_nothing(name: str, outcomes: dict[str, Outcome]) -> None:
    _, found, before, after = outcomes[name]
    assert (found["status"], found["error"]) == (0, "")
    assert found["output"] == outcomes["good_saved_folder"].found["output"]
    assert after == before
    assert found["cpu_seconds"] < CPU_SECONDS, found
    assert found["megabytes"] < MEGABYTES + START_MEGABYTES, found


@pytest.mark.parametrize("name", [make.__name__ for make in cached_reviews.MAKERS])
def test_a_hostile_entry_in_the_cache_is_made_again(name: str, outcomes: dict[str, Outcome]) -> None:
    attack, found, before, after = outcomes[name]
    assert found["status"] == 0, found
    line = found["error"].removesuffix("\n")
    assert line.startswith("imdb-rnn: replacing the cached corpus "), found
    assert line.isprintable(), line[:3000]
    assert found["cpu_seconds"] < CPU_SECONDS, found
    assert found["megabytes"] < MEGABYTES + START_MEGABYTES, found
    assert found["output"] == attack.expected != ""
    assert after.keys() == before.keys()
    assert after != before  # the entry is another file now


def test_there_are_more_than_sixty_hostile_files_and_each_has_its_own_name() -> None:
    assert len({make.__name__ for make in HOSTILE}) == len(HOSTILE) > 60
