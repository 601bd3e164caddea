"""Links, commands, code and names in the documentation are those of the repository."""

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

import imdb_rnn
from backends_test.cli import app as comparing
from backends_test.environments import ROOT
from imdb_rnn.backends.table import TABLE, TRAINING_BACKENDS
from imdb_rnn.cli import app
from imdb_rnn.corpora import SOURCES

DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS: Any = typer.main.get_command(app)
COMPARING: Any = typer.main.get_command(comparing)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)
# The changelog names what is gone.
each_present_page = pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of
)


def blocks(page: Path, language: str) -> list[str]:
    return [code for name, code in BLOCK.findall(TEXTS[page]) if name == language]


def inline_code(page: Path) -> list[str]:
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", BLOCK.sub("", TEXTS[page]))]


def shell_lines(page: Path) -> list[str]:
    return [line[2:] for code in blocks(page, "console") for line in code.splitlines() if line.startswith("$ ")]


def arguments(line: str) -> list[str]:
    """What follows `imdb-rnn` in a command line."""
    words = shlex.split(line, comments=True)
    return words[words.index("imdb-rnn") + 1 :]


@each_page
def test_links_and_pictures_lead_to_a_file(page: Path) -> None:
    text = BLOCK.sub("", TEXTS[page])
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.is_file(), target
        assert page.parent != DOCS or found.is_relative_to(DOCS), f"{target} is outside the site"
        if anchor and found != DOCS / "reference.md":
            slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings(found)]
            assert anchor in slugs, target
    for included in re.findall(r'^--8<-- "(.+)"$', text, re.MULTILINE):
        assert (ROOT / included).is_file(), included


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", BLOCK.sub("", TEXTS[page]), re.MULTILINE)


@each_present_page
def test_paths_in_the_text_exist(page: Path) -> None:
    for code in inline_code(page):
        if re.fullmatch(r"(imdb_rnn|backends_test|benchmarks|docs|examples)/[\w/.-]*", code):
            assert (ROOT / code).exists(), code
        elif re.fullmatch(r"[a-z_]+/[a-z_]+\.py", code):
            assert (ROOT / "imdb_rnn" / code).is_file(), code


@each_page
def test_commands_exist_with_the_options_shown(page: Path) -> None:
    shown = [arguments(line) for line in shell_lines(page) if "imdb-rnn" in shlex.split(line, comments=True)]
    for words in shown:
        COMMANDS.commands[words[0]].make_context(words[0], words[1:])
    for code in inline_code(page):
        if code.startswith("imdb-rnn "):
            command, *words = arguments(code)
            options = [word for word in [command, *words] if word.startswith("-")]
            known = COMMANDS if command.startswith("-") else COMMANDS.commands[command]
            assert {*options} <= {name for param in known.params for name in param.opts}, code


@pytest.mark.parametrize("commands", [COMMANDS, COMPARING], ids=["imdb-rnn", "backends-test"])
def test_the_help_of_every_command_ends_with_examples_that_can_be_typed(commands: Any) -> None:
    for name, command in commands.commands.items():
        _, title, *examples = command.epilog.splitlines()
        assert title == ("Examples:" if len(examples) > 1 else "Example:")
        for example in examples:
            program, shown, *words = shlex.split(example)
            assert (program, shown) == ("imdb-rnn" if commands is COMMANDS else "backends-test", name)
            command.make_context(name, words)


@each_present_page
def test_targets_and_environments_exist(page: Path) -> None:
    lines = [*shell_lines(page), *inline_code(page)]
    makefile, tox = ((ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "tox.ini"))
    for line in lines:
        if target := re.match(r"make (\w+)", line):
            assert re.search(rf"^{target[1]}:", makefile, re.MULTILINE), line
        if names := re.search(r"\btox (?:run )?-e ([\w,-]+)", line):
            for name in names[1].split(","):
                assert re.search(rf"^(env_list = .*|\[testenv:.*)\b{name.split('-')[0]}\b", tox, re.MULTILINE), line


@each_page
def test_code_compiles_and_uses_public_names(page: Path) -> None:
    for code in blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("imdb_rnn"):
                assert node.module == "imdb_rnn"
                assert {alias.name for alias in node.names} <= {*imdb_rnn.__all__}
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "imdb_rnn":
                assert node.attr in imdb_rnn.__all__


def test_every_public_name_is_in_the_reference() -> None:
    names = re.findall(r"^::: imdb_rnn\.(\w+)$", TEXTS[DOCS / "reference.md"], re.MULTILINE)
    assert sorted(names) == sorted(imdb_rnn.__all__)


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    pages = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
    assert sorted(re.findall(r": (\S+\.md)$", navigation, re.MULTILINE)) == pages


@pytest.mark.parametrize("backend", TRAINING_BACKENDS)
def test_the_results_in_the_tutorial_are_those_of_the_committed_runs(backend: str) -> None:
    """The manifest of `imdb-rnn train --recipe tutorial --data imdb`."""
    run = json.loads((ROOT / "backends_test" / "results" / f"imdb-{backend}.json").read_text(encoding="utf-8"))
    assert run["complete"]
    assert run["data"]["source"] == "imdb"
    row = (
        f"| {TABLE[backend].title} {run['versions'][backend]} | {run['val_accuracy']:.4f} | {run['test_accuracy']:.4f} "
        f"| {run['best_epoch']} / {run['epochs']} |"
    )
    assert row in TEXTS[DOCS / "tutorial.md"]


def test_every_source_of_reviews_is_described() -> None:
    rows = re.findall(r"^\| `([a-z:A-Z]+)` \|", TEXTS[DOCS / "sources.md"], re.MULTILINE)
    assert rows == [*SOURCES]


def test_every_backend_is_described() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", TEXTS[DOCS / "another-backend.md"], re.MULTILINE)
    assert rows == [(entry.name, "yes" if entry.trains else "no") for entry in TABLE.values()]
