"""The chapters of the tutorial agree in both languages, and the pages are what was made from them."""

import ast
import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import imdb_rnn
from backends_test.notebooks import check, downloads, publish
from backends_test.notebooks.chapters import FOLDER, LANGUAGES, cells_in, read, sources

CHAPTERS = sources()
PAGES = [FOLDER / language / f"{source.stem}.md" for language in LANGUAGES for source in CHAPTERS]
CHAPTERS_WITH_A_PICTURE = "1234678"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c636000000002000148afa4710000"
    "000049454e44ae426082"
)

each_chapter = pytest.mark.parametrize("source", CHAPTERS, ids=lambda source: source.stem)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")


def code_of(source: Path) -> list[str]:
    return [cell.source for cell in read(source).cells if cell.cell_type == "code"]


def test_there_are_chapters_one_to_eight() -> None:
    assert [source.name[:2] for source in CHAPTERS] == [f"{number}-" for number in range(1, 9)]


@each_chapter
def test_both_languages_say_the_same(source: Path) -> None:
    assert [*check.differences(read(source))] == []


@each_chapter
def test_every_chapter_begins_with_the_same_code(source: Path) -> None:
    assert code_of(source)[0] == code_of(CHAPTERS[0])[0]
    _, _, after_the_imports = code_of(source)[0].partition("\n\n")
    assert len(after_the_imports.splitlines()) <= 11


@each_chapter
def test_the_code_uses_public_names_of_the_library(source: Path) -> None:
    for node in ast.walk(ast.parse("\n".join(code_of(source)))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "imdb_rnn":
            assert node.attr in imdb_rnn.__all__


@each_chapter
def test_where_a_picture_is_promised_a_cell_draws_it(source: Path) -> None:
    drawing = [cell for cell in read(source).cells if "picture" in cell.metadata]
    assert bool(drawing) >= (source.name[0] in CHAPTERS_WITH_A_PICTURE)
    assert all(cell.metadata.get(language) for cell in drawing for language in LANGUAGES)


@each_page
def test_a_page_is_what_was_published_from_the_chapter(page: Path) -> None:
    assert publish.page_problem(page) == ""


def test_no_page_and_no_picture_is_left_over() -> None:
    assert sorted(FOLDER.glob("*/*.md")) == sorted(PAGES)
    shown = {name for page in PAGES for name in re.findall(r"\(\.\./pictures/([^)]+)\)", page.read_text("utf-8"))}
    assert {path.name for path in FOLDER.glob("pictures/*")} == shown


def test_pictures_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.glob("pictures/*.png")}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > publish.MAX_PICTURE_BYTES} == {}


@each_page
def test_links_of_a_page_lead_to_a_file_of_the_documentation(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#]+)", text)
    assert targets
    for target in targets:
        found = (page.parent / target).resolve()
        assert found.is_file(), target
        assert found.is_relative_to(FOLDER.parent), target


@each_page
def test_a_page_holds_no_path_of_a_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.:/])/(?:[\w.-]+/)+[\w.-]*", page.read_text(encoding="utf-8")) == []


@each_page
def test_numbers_in_the_text_of_a_page_are_shown_by_its_code(page: Path) -> None:
    blocks = re.compile(r"^```(?:python|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    text = page.read_text(encoding="utf-8")
    cells = [new_code_cell("\n".join(blocks.findall(text))), new_markdown_cell(blocks.sub("", text.split("-->", 1)[1]))]
    assert [*check.problems(new_notebook(cells=cells))] == []


@each_chapter
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notebook_for_download_holds_the_code_of_the_chapter_and_one_language(source: Path, language: str) -> None:
    content = downloads.notebook(source, language)
    assert content == downloads.notebook(source, language)
    cells = json.loads(content)["cells"]
    assert ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"] == code_of(source)
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert len(texts) == sum(cell.metadata.get("lang") == language for cell in read(source).cells)
    assert {bool(re.search("[가-힣]", text)) for text in texts} == {language == "ko"}
    targets = [target for text in texts for target in re.findall(r"\]\(([^)]+)\)", text)]
    assert all((FOLDER / f"{Path(target).stem}.py").exists() and target.endswith(".ipynb") for target in targets)


def test_a_link_to_colab_is_made_only_for_a_repository_on_github() -> None:
    page = "tutorial/ko/1-one-hot.md"
    alone = downloads.links(page, "ko", "")
    assert alone == '[노트북 내려받기](1-one-hot.ipynb){ download="1-one-hot.ipynb" }'
    assert downloads.links(page, "ko", "https://example.org/a/b") == alone
    colab = "https://colab.research.google.com/github/a/b/blob/gh-pages/tutorial/ko/1-one-hot.ipynb"
    assert downloads.links(page, "ko", "https://github.com/a/b/") == f"{alone} · [Colab에서 열기]({colab})"


def first_cell(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the first cell of the chapters where nothing is installed."""
    code = code_of(CHAPTERS[0])[0]
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_without_the_library_and_a_wheel_the_first_cell_says_what_to_do(tmp_path: Path) -> None:
    done = first_cell(tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == ("RuntimeError: Put imdb_rnn-*.whl beside this notebook, and run again.")


def test_the_first_cell_installs_the_wheel_beside_the_notebook(tmp_path: Path) -> None:
    (tmp_path / "imdb_rnn-0.1.0-py3-none-any.whl").touch()
    done = first_cell(tmp_path)
    # pip is not there either, but was asked for.
    assert done.returncode == 1
    assert "imdb_rnn-0.1.0-py3-none-any.whl[jax]" in done.stderr


ENGLISH = "## Two of 100\n\n- `a` is 0.5, see [here](a.md)\n\n| x |"
KOREAN = "## 100 가운데 둘\n\n- `a`는 0.5입니다. [여기](a.md)를 보십시오\n\n| x |"


def in_two_languages(english: str, korean: str) -> Any:
    cells = [new_markdown_cell(text, metadata={"lang": lang}) for lang, text in (("en", english), ("ko", korean))]
    return new_notebook(cells=cells)


def test_a_translation_with_the_same_content_is_accepted() -> None:
    assert [*check.differences(in_two_languages(ENGLISH, KOREAN))] == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("##", "#", "other headings"),
        ("100", "1,000", "other numbers"),
        ("0.5", "0.6", "other numbers"),
        ("`a`", "`b`", "other code"),
        ("(a.md)", "(b.md)", "other links"),
        ("- `a`", "`a`", "other items"),
        ("| x |", "x", "other rows"),
        (KOREAN, ENGLISH, "not in these languages"),
    ],
)
def test_a_translation_with_another_content_is_seen(old: str, new: str, expected: str) -> None:
    (found,) = check.differences(in_two_languages(ENGLISH, KOREAN.replace(old, new)))
    assert expected in found


def test_a_missing_translation_and_one_behind_code_are_seen() -> None:
    chapter = in_two_languages(ENGLISH, KOREAN)
    chapter.cells.insert(1, new_code_cell("1"))
    assert [*check.differences(chapter)] == ["cell 0 is not followed by its translation"]
    del chapter.cells[2]
    assert [*check.differences(chapter)] == ["the languages of the Markdown cells are ['en']"]


def picture_output() -> Any:
    return new_output("display_data", {"image/png": base64.b64encode(PNG).decode(), "text/plain": "<Figure>"})


def test_numbers_that_no_cell_shows_are_seen() -> None:
    text = new_markdown_cell("16 numbers of 160,048, 12.5 and 20 %")
    shown = new_code_cell("a = 160_048", outputs=[new_output("stream", name="stdout", text="12.5 20%\n")])
    assert [*check.problems(new_notebook(cells=[text, shown]))] == []
    assert [*check.problems(new_notebook(cells=[text]))] == [
        f"cell 0 speaks of {number}, which no cell computes or shows" for number in ("160,048", "12.5", "20 %")
    ]


def test_standard_error_names_of_objects_and_missing_pictures_are_seen() -> None:
    noise = new_code_cell("", outputs=[new_output("stream", name="stderr", text="Warning")])
    named = new_code_cell("", outputs=[new_output("execute_result", {"text/plain": "<object>"})])
    without = new_code_cell("", metadata={"picture": "a"})
    surplus = new_code_cell("", outputs=[picture_output()])
    right = new_code_cell("", metadata={"picture": "a"}, outputs=[picture_output()])
    assert [*check.problems(new_notebook(cells=[noise, named, without, surplus, right]))] == [
        "cell 0 writes to standard error: Warning",
        "cell 1 shows the name of an object: <object>",
        "cell 2 draws 0 pictures, expected 1",
        "cell 3 draws 1 pictures, expected 0",
    ]


SOURCE = """\
# %% [markdown] lang="en"
# # Title

# %% [markdown] lang="ko"
# # 제목

# %% picture="dot" en="A dot" ko="점"
print("a")
"""


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder with a chapter and what was published from it."""
    source = tmp_path / "1-dot.py"
    source.write_text(SOURCE, encoding="utf-8")
    publish.publish(source, executed(source), tmp_path)
    return tmp_path


def executed(source: Path) -> Any:
    chapter = read(source)
    chapter.cells[-1].outputs = [new_output("stream", name="stdout", text="a\n"), picture_output()]
    return chapter


def test_a_page_shows_text_code_output_and_picture(published: Path) -> None:
    mark, _, page = (published / "ko" / "1-dot.md").read_text(encoding="utf-8").partition("\n")
    assert mark.startswith("<!-- made from 1-dot.py ")
    assert page == '# 제목\n\n```python\nprint("a")\n```\n\n```text\na\n```\n\n![점](../pictures/1-dot.png)\n'
    assert "![A dot](../pictures/1-dot.png)" in (published / "en" / "1-dot.md").read_text(encoding="utf-8")
    assert publish.page_problem(published / "en" / "1-dot.md", published) == ""


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ("1-dot.py", "1-dot.md: the chapter was changed afterwards"),
        ("en/1-dot.md", "1-dot.md: the page or a picture was changed afterwards"),
        ("pictures/1-dot.png", "1-dot.md: the page or a picture was changed afterwards"),
    ],
)
def test_what_was_changed_after_publishing_is_seen(published: Path, changed: str, expected: str) -> None:
    path = published / changed
    path.write_bytes(path.read_bytes() + b"\n# more\n")
    assert publish.page_problem(published / "en" / "1-dot.md", published) == expected


def test_a_page_without_a_chapter_is_seen(published: Path) -> None:
    page = shutil.copy(published / "en" / "1-dot.md", published / "en" / "2-dot.md")
    assert publish.page_problem(Path(page), published) == "2-dot.md was not made from a chapter"


def test_changed_text_is_published_but_changed_code_has_to_be_executed(published: Path) -> None:
    source = published / "1-dot.py"
    before = executed(source)
    source.write_text(SOURCE.replace("Title", "Another title"), encoding="utf-8")
    publish.publish(source, before, published)
    assert "# Another title" in (published / "en" / "1-dot.md").read_text(encoding="utf-8")
    source.write_text(SOURCE.replace('"a"', '"b"'), encoding="utf-8")
    with pytest.raises(publish.StaleError, match="Execute the chapters again"):
        publish.publish(source, before, published)


def test_cells_of_a_language_keep_their_order() -> None:
    chapter = in_two_languages(ENGLISH, KOREAN)
    chapter.cells.append(new_code_cell("1"))
    assert [[cell.source for cell in cells_in(chapter, lang)] for lang in LANGUAGES] == [[ENGLISH, "1"], [KOREAN, "1"]]
