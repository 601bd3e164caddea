"""The notebooks for download, and the links to them."""

import re
from pathlib import Path, PurePosixPath

import jupytext
from nbformat import NotebookNode

from backends_test.notebooks.chapters import cells_in, read

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
TO_A_PAGE = re.compile(r"\[([^\]]+)\]\(\.\./\.\./([\w/-]+\.md)(?:#[\w-]+)?\)")
TO_A_CHAPTER = re.compile(r"\]\((\d[\w-]*)\.md\)")
GITHUB = "https://github.com/"
COLAB = "https://colab.research.google.com/github"
TITLES = {"en": ("Download this notebook", "Open in Colab"), "ko": ("노트북 내려받기", "Colab에서 열기")}


def notebook(source: Path, language: str) -> str:
    """Return the notebook of one language, without outputs, as the content of an .ipynb file.

    Args:
        source: the file of the chapter.
        language: one of `chapters.LANGUAGES`.
    """
    chapter = read(source)
    chapter.cells = [*cells_in(chapter, language)]
    chapter.metadata = NotebookNode(kernelspec=KERNEL)
    for number, cell in enumerate(chapter.cells):
        # Jupytext draws the names of cells at random.
        cell.id = f"cell-{number}"
        cell.metadata.clear()
        if cell.cell_type == "markdown":
            # Beside the notebook there are other chapters, but no pages.
            cell.source = TO_A_CHAPTER.sub(r"](\1.ipynb)", TO_A_PAGE.sub(r"\1 (`docs/\2`)", cell.source))
    content: str = jupytext.writes(chapter, fmt="ipynb")
    return content


def links(page: str, language: str, repository: str) -> str:
    """Return the link to a notebook, and to Colab if the repository is on GitHub.

    Args:
        page: the path of the page in the documentation, with slashes.
        language: the language of the page.
        repository: the address of the repository, or "".
    """
    download, colab = TITLES[language]
    path = PurePosixPath(page).with_suffix(".ipynb")
    shown = [f'[{download}]({path.name}){{ download="{path.name}" }}']
    if repository.startswith(GITHUB):
        place = repository.removeprefix(GITHUB).strip("/")
        shown.append(f"[{colab}]({COLAB}/{place}/blob/gh-pages/{path})")
    return " · ".join(shown)
