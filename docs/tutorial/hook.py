"""Runs when MkDocs builds the documentation: adds the notebooks for download, and the links to them.

The notebooks are made from the files of the chapters, which are not part of the site themselves.
"""

import sys
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parents[2]))

from backends_test.notebooks import chapters, downloads


def on_files(files: Files, config: Any) -> Files:
    """Put a notebook of each chapter and language into the site, and take out the files of the chapters."""
    for file in [*files]:
        if file.src_uri.startswith("tutorial/") and file.src_uri.endswith(
            (".py", ".pyc", ".toml")
        ):
            files.remove(file)
    for source in chapters.sources():
        for language in chapters.LANGUAGES:
            name = f"tutorial/{language}/{source.stem}.ipynb"
            files.append(
                File.generated(
                    config, name, content=downloads.notebook(source, language)
                )
            )
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Put the links of a chapter below its title."""
    path = PurePosixPath(page.file.src_uri)
    if path.parent.parent.name != "tutorial":
        return markdown
    title, blank, text = markdown.partition("\n\n")
    return f"{title}{blank}{downloads.links(str(path), path.parent.name, config.repo_url or '')}\n\n{text}"
