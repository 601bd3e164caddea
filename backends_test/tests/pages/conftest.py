"""A headless browser, and the pages of invented reports."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backends_test.tests.pages import made_up
from benchmarks.report import write_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The browser must make no requests of its own, which the test of requests would see.
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "cpu": made_up.cpu,
    "fast": made_up.fast,
    "gpu": made_up.gpu,
    "refused": made_up.refused,
    "without_compiler": made_up.without_compiler,
}


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium; the tests are skipped, with a reason, if there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    with playwright.sync_playwright() as driver:
        try:
            chromium = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        except playwright.Error as error:
            pytest.skip(f"Chromium does not start: {str(error).splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder with the pages of a kind of report, which are written once."""
    made: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            write_pages(KINDS[kind](), made[kind])
        return made[kind]

    return folder
