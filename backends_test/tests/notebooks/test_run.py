"""Chapters are executed by this Python under the chosen backend, and what goes wrong is seen."""

import os
import sys
from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell, new_notebook

from backends_test.notebooks import check
from backends_test.notebooks.run import execute


def cell(code: str, **metadata: Any) -> Any:
    return new_code_cell(code, metadata=metadata)


def test_a_chapter_runs_in_this_environment_and_in_a_folder_of_its_own() -> None:
    code = "import os, sys\nfrom pathlib import Path\nPath('made').touch()\nprint(sys.executable)"
    chapter = new_notebook(
        cells=[
            cell(code, check=f"os.environ.get('KERAS_BACKEND') == {os.environ.get('KERAS_BACKEND')!r}"),
            cell("print([path for path in os.listdir() if path[0] != '.'])"),
        ]
    )
    assert execute(chapter) == []
    assert [written.outputs[0].text for written in chapter.cells] == [f"{sys.executable}\n", "['made']\n"]
    assert not Path("made").exists()
    assert [*check.problems(chapter)] == []


def test_a_check_that_does_not_hold_is_reported_with_its_values() -> None:
    chapter = new_notebook(cells=[cell("accuracy = 0.5", check=["accuracy < 0.6", "0.7 < accuracy", "missing > 1"])])
    wrong, unknown = execute(chapter)
    assert wrong == "cell 0: not 0.7 < accuracy: accuracy = 0.5"
    assert unknown == "cell 0: not missing > 1: NameError: name 'missing' is not defined"
    assert len(chapter.cells) == 1


def test_an_error_ends_the_chapter_and_is_reported() -> None:
    chapter = new_notebook(cells=[cell("1 / 0"), cell("print('not reached')")])
    (problem,) = execute(chapter)
    assert problem == "cell 0: ZeroDivisionError: division by zero"
    assert chapter.cells[1].outputs == []


def test_a_warning_and_the_name_of_an_object_are_problems_but_a_backend_may_log() -> None:
    chapter = new_notebook(
        cells=[
            cell("import warnings\nwarnings.warn('old')"),
            cell("object"),
            cell("import os\n_ = os.write(2, b'log')"),
        ]
    )
    assert execute(chapter) == []
    warning, name = check.problems(chapter)
    assert warning.startswith("cell 0 writes to standard error")
    assert name == "cell 1 shows the name of an object: object"


def test_a_picture_is_kept() -> None:
    code = "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots()"
    chapter = new_notebook(cells=[cell(code, picture="empty")])
    assert execute(chapter) == []
    assert [*check.problems(chapter)] == []
    assert "image/png" in chapter.cells[0].outputs[0].data
