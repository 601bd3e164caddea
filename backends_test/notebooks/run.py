"""Executes a chapter under the backend of this environment, in a folder of its own."""

import ast
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell

SECONDS_PER_CELL = 300


def execute(chapter: Any) -> list[str]:
    """Execute all cells of a chapter, which keeps their outputs, and evaluate their checks.

    Args:
        chapter: a notebook.

    Returns:
        What failed: an error, after which the execution ends, or checks.
    """
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            chapter,
            km=_this_python(folder),
            timeout=SECONDS_PER_CELL,
            # What a backend's own C++ code logs is not part of a notebook.
            extra_arguments=["--IPKernelApp.capture_fd_output=False"],
            resources={"metadata": {"path": folder}},
        )
        with client.setup_kernel(cleanup_kc=True, env=_environment(folder)):
            return [*_execute_cells(client, chapter)]


def _execute_cells(client: NotebookClient, chapter: Any) -> Iterator[str]:
    for number, cell in enumerate([*chapter.cells]):
        if cell.cell_type != "code":
            continue
        try:
            client.execute_cell(cell, number)
        except CellExecutionError as error:
            yield f"cell {number}: {error.ename}: {error.evalue}"
            return
        checks = cell.metadata.get("check", [])
        for check in [checks] if isinstance(checks, str) else checks:
            if found := _values_unless_true(client, chapter, check):
                yield f"cell {number}: not {check}: {found}"


def _values_unless_true(client: NotebookClient, chapter: Any, check: str) -> str:
    """Evaluate a check in the kernel; return the values of its names unless it is true."""
    names = sorted({node.id for node in ast.walk(ast.parse(check)) if isinstance(node, ast.Name)})
    values = ", ".join(f"{name!r}: repr({name})" for name in names)
    cell = new_code_cell(f"import json as _json; print(_json.dumps([bool({check}), {{{values}}}]))")
    chapter.cells.append(cell)
    try:
        client.execute_cell(cell, len(chapter.cells) - 1)
    except CellExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    finally:
        chapter.cells.remove(cell)
    passed, found = json.loads("".join(output.text for output in cell.outputs if output.get("name") == "stdout"))
    return "" if passed else ", ".join(f"{name} = {value:.80}" for name, value in found.items())


def _this_python(folder: str) -> AsyncKernelManager:
    """Return a manager that starts the kernel with the Python of this process, and talks to it through files."""
    return AsyncKernelManager(
        # Without folders to search, no kernel that a user has installed under this name is found.
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        connection_file=str(Path(folder) / ".kernel.json"),
        transport="ipc",
    )


def _environment(folder: str) -> dict[str, str]:
    # The settings of a user's IPython must not leak in.
    return {**os.environ, "IPYTHONDIR": str(Path(folder) / ".ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
