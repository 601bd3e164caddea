"""The report of the benchmarks, and its page in a real browser, for invented reports."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backends_test.tests.pages import made_up
from backends_test.tests.pages.conftest import KINDS
from benchmarks import report as report_module
from benchmarks.figures import as_svg, pictures, spread_out
from benchmarks.report import as_page, as_text, publish, results_folder, write_pages
from benchmarks.tables import (
    NO_DIFFERENCE,
    NOT_TIMED,
    as_markdown,
    break_evens,
    bytes_of,
    further_tables,
    interval,
    main_table,
    page_table,
    pays_off_after,
    rate,
    seconds,
    spread_text,
    terminal_tables,
    users_table,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

every_kind = pytest.mark.parametrize("kind", KINDS)
FIGURES = ["epochs", "drift", "break-even", "roofline", "prediction", "scaling", "accuracy"]
# WCAG 2.1: least contrast of text, and of marks, with their background.
TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0
# Text elements as [tag, text, colour, background], with colours as [r, g, b].
COLOURS_OF_TEXT = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  return [...document.body.querySelectorAll("h1,h2,p,dt,dd,a,li,th *,td,figcaption,svg text")]
    .filter((one) => one.textContent.trim() && one.getClientRects().length)
    .map((one) => {
      const style = getComputedStyle(one);
      return [one.tagName, one.textContent.trim(), rgb(one.tagName === "text" ? style.fill : style.color), behind(one)];
    });
}"""
COLOURS_OF_MARKS = """() => [...document.querySelectorAll(".key li .mark")].map((one) => [
  getComputedStyle(one).borderTopColor.match(/[\\d.]+/g).map(Number),
  getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number),
])"""
# The text that is cut off in figures.
TEXT_CUT_OFF = """() => [...document.querySelectorAll("figure svg")].flatMap((svg) => {
  const [left, top, right, bottom] = (({ x, y, width, height }) => [x, y, x + width, y + height])(
    svg.getBoundingClientRect());
  return [...svg.querySelectorAll("text")].filter((text) => {
    const one = text.getBoundingClientRect();
    return one.left < left - 1 || one.top < top - 1 || one.right > right + 1 || one.bottom > bottom + 1;
  }).map((text) => text.textContent);
})"""


@dataclass
class Opened:
    """A page in the browser, its console messages, and its requests."""

    page: "Page"
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def opened(browser: "Browser") -> Callable[..., Opened]:
    """Open a page and record messages and requests."""

    def visit(folder: Path, width: int = 1300, scheme: Any = "light") -> Opened:
        one = Opened(browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme))
        one.page.on("console", lambda message: one.complaints.append(message.text))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.on("request", lambda request: one.requests.append(request.url))
        one.page.goto((folder / "report.html").as_uri())
        return one

    return visit


def contrast(one: list[float], other: list[float]) -> float:
    """The contrast of two colours, 1 to 21, as defined in WCAG 2.1."""

    def luminance(colour: list[float]) -> float:
        parts = [part / 255 for part in colour[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def rows_of(table: str) -> dict[str, str]:
    """Name -> row of a Markdown table."""
    return {line.split("**")[1]: line for line in table.splitlines() if line.startswith("| **")}


def sorted_column(page: "Page", column: int) -> list[float]:
    """The values by which a column of the main table is sorted, from the top."""
    cells = page.locator(f"#table-main tbody tr > *:nth-child({column})")
    return [float(value) for value in cells.evaluate_all("all => all.map(one => one.dataset.sort ?? NaN)")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (11.26, "11.3 s"),
        (123.4, "123 s"),
        (1234.0, "1,230 s"),
        (0.55, "550 ms"),
        (7.5e-6, "7.5 µs"),
        (2.5e-8, "25 ns"),
    ],
)
def test_seconds_stand_in_the_unit_that_fits(value: float, text: str) -> None:
    assert seconds(value) == text


def test_bytes_and_rates_stand_in_the_unit_that_fits() -> None:
    assert [bytes_of(value) for value in (512, 5 * 2**20, 1.5 * 2**30)] == ["0.5 KiB", "5 MiB", "1.5 GiB"]
    assert [rate(value) for value in (9.62e9, 558e6, 12.0)] == ["9.62 G", "558 M", "12"]


def test_quartiles_stand_in_the_unit_of_the_median() -> None:
    assert spread_text({"median": 1.02e-3, "low": 9.92e-4, "high": 1.07e-3}) == "1.02 ms (0.992 to 1.07)"


def test_a_ratio_is_no_difference_where_its_interval_touches_the_noise_floor() -> None:
    ratio = {"ratio": 0.97, "low": 0.96, "high": 0.98}
    assert interval(ratio, 0.0) == "0.97 (0.96 to 0.98)"
    assert interval(ratio, 0.01) == "0.97 (0.96 to 0.98)"
    assert interval(ratio, 0.03) == NO_DIFFERENCE
    assert interval({"ratio": 1.1, "low": 0.9, "high": 1.2}, None) == NO_DIFFERENCE
    assert interval(None, 0.02) == "—"


@every_kind
def test_every_row_of_a_table_fills_its_columns(kind: str) -> None:
    report = KINDS[kind]()
    users, main = users_table(report), main_table(report)
    assert [line.name for table in (users, main) for line in table.lines] == [row["name"] for row in report["rows"]]
    for table in (users, main, *further_tables(report)):
        for line in table.lines:
            refused = len(line.cells) == 1 and line.cells[0].text == NOT_TIMED
            assert refused or len(line.cells) == len(table.columns), (table.name, line.name)


def test_what_is_no_part_of_a_run_is_a_sentence_and_not_an_empty_table() -> None:
    tables = {table.name: table for table in further_tables(made_up.fast())}
    assert not tables["whole"].lines
    assert "a full run has them" in tables["whole"].note
    missing = {picture.name: picture for picture in pictures(made_up.fast()) if picture.figure is None}
    assert sorted(missing) == ["accuracy", "scaling"]
    assert all("a full run has them" in picture.caption for picture in missing.values())
    assert all(picture.figure for picture in pictures(made_up.cpu()))
    assert [picture.name for picture in pictures(made_up.gpu()) if not picture.figure] == ["roofline"]


def test_a_refused_row_is_one_labelled_row_and_stands_among_what_is_left_out() -> None:
    rows = rows_of(as_markdown(main_table(made_up.refused())))
    assert rows["c"].count(NOT_TIMED) == 1
    assert NOT_TIMED not in rows["jax-library"]
    tables = {table.name: table for table in further_tables(made_up.refused())}
    assert [line.name for line in tables["left-out"].lines] == ["c"]
    assert "c" not in [line.name for line in tables["steady"].lines]
    (last,) = [line for line in terminal_tables(made_up.refused()).splitlines() if line.startswith("c ")]
    assert last.endswith(NOT_TIMED)


def test_the_tutorial_on_tensorflow_is_timed_and_labelled_a_different_model() -> None:
    rows = rows_of(as_markdown(main_table(made_up.cpu())))
    assert [name for name, row in rows.items() if "(different model)" in row] == ["tensorflow-tutorial"]
    assert "2.6 s" in rows["tensorflow-tutorial"]


def test_what_was_left_out_is_named_with_its_reason() -> None:
    text = as_text(made_up.without_compiler())
    assert "| **c** | there is no C compiler here |" in text
    assert "Not measured here: chain." in text


def test_a_costlier_first_step_pays_off_after_what_it_costs_over_what_it_saves() -> None:
    epochs = {(one["name"], other["name"]): pays_off_after(one, other) for one, other in break_evens(made_up.cpu())}
    assert epochs["tensorflow-library", "tensorflow-compiled"] == pytest.approx((3.44 - 0.86) / (2.5 - 0.7))
    assert not [names for names in epochs if "tensorflow-tutorial" in names or "jax-library-again" in names]


def test_the_page_says_plan_processor_cores_date_and_whether_the_run_was_fast() -> None:
    full, fast = page_table(made_up.cpu()), page_table(made_up.fast())
    for part in ("7 rounds", "on 2 cores of Intel(R) Xeon(R) Processor", "2026-11-24", "A full run:"):
        assert part in full.partition("\n")[0]
    assert "A fast run with rough results" in fast.partition("\n")[0]
    assert list(rows_of(full)) == [row["name"] for row in made_up.cpu()["rows"]]
    assert "with one of 2 cores" in page_table(made_up.gpu()).partition("\n")[0]


def test_what_a_user_gets_comes_first_beside_the_tutorial_in_the_same_conditions() -> None:
    users, pinned = (list(rows_of(part)) for part in page_table(made_up.cpu()).split("One core and one thread"))
    assert users == ["torch-tutorial-all-cores", "torch-all-cores", "torch-tutorial-busy", "torch-busy"]
    assert pinned[0] == "jax-tutorial"
    table = users_table(made_up.cpu())
    lines = {line.name: dict(zip(table.columns, line.cells, strict=True)) for line in table.lines}
    assert lines["torch-all-cores"]["ratio to tutorial"].value == pytest.approx(9.0 / 8.8)
    assert lines["torch-busy"]["ratio to tutorial"].value == pytest.approx(18.5 / 19.0)
    assert lines["torch-busy"]["ratio to alone"].value == pytest.approx(18.5 / 9.0)
    assert lines["torch-tutorial-busy"]["ratio to alone"].value == pytest.approx(19.0 / 8.8)
    assert lines["torch-all-cores"]["ratio to alone"].text == "—"
    assert not users_table(made_up.gpu()).lines
    assert "What a user gets" not in as_text(made_up.gpu())
    assert as_text(made_up.cpu()).index("What a user gets") < as_text(made_up.cpu()).index("On one core")


def test_labels_are_moved_apart_and_no_more_than_they_must() -> None:
    moved = spread_out([0.0, 1.0, 2.0, 50.0], 10.0)
    assert moved == pytest.approx([-9, 1, 11, 50])
    assert min(b - a for a, b in pairwise(spread_out([5.0] * 6, 3.0))) == pytest.approx(3)


def test_the_same_report_makes_the_same_page(tmp_path: Path) -> None:
    pages = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_pages(made_up.cpu(), tmp_path / name)
        pages.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert pages[0].keys() == {"report.md", "report.html", "epoch.png"}
    assert pages[0] == pages[1]


def test_no_two_elements_of_the_page_share_an_id() -> None:
    report = made_up.cpu()
    ids = re.findall(r'\sid="([^"]+)"', as_page(report, pictures(report)))
    assert len(ids) > 100
    assert len(ids) == len(set(ids))


def test_a_picture_refers_only_to_what_it_holds() -> None:
    for picture in pictures(made_up.cpu()):
        svg = as_svg(picture)
        used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
        assert used
        assert used <= set(re.findall(r'id="([^"]+)"', svg))
        assert not re.search("#[0-9a-f]{6}", svg), "a colour that does not follow the page"


def test_a_run_is_published_by_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, picture = tmp_path / "benchmarks.md", tmp_path / "benchmarks.png"
    monkeypatch.setattr(report_module, "PAGE", page)
    monkeypatch.setattr(report_module, "PICTURE", picture)
    monkeypatch.setattr(report_module, "RESULTS", tmp_path / "results" / "cpu")
    page.write_text("<!-- benchmarks -->\n<!-- end -->\n<!-- benchmarks-gpu -->\n<!-- end -->\n", encoding="utf-8")
    for kind in ("gpu", "cpu"):
        folder = tmp_path / kind
        (folder / "inputs").mkdir(parents=True)
        monkeypatch.setattr(report_module, "summarize", lambda folder, kind=kind: KINDS[kind]())
        report_module.write_report(folder)
        publish(folder)
        assert not (results_folder(KINDS[kind]()) / "inputs").exists()
        of_cpu, _, of_gpu = page.read_text(encoding="utf-8").partition("<!-- benchmarks-gpu -->")
        assert "steady epoch" in of_gpu
        assert ("steady epoch" in of_cpu) == (kind == "cpu")
        assert picture.exists() == (kind == "cpu")
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["cpu", "gpu-nvidia-h200"]


@every_kind
def test_the_page_renders_without_a_complaint(kind: str, opened: Callable[..., Opened], written: Any) -> None:
    found = opened(written(kind))
    report = KINDS[kind]()
    rows = found.page.locator("#table-users tbody tr, #table-main tbody tr")
    assert rows.count() == len(report["rows"])
    assert found.complaints == []


@every_kind
def test_every_figure_is_seen_and_says_what_it_shows(kind: str, opened: Callable[..., Opened], written: Any) -> None:
    drawn = [picture.name for picture in pictures(KINDS[kind]()) if picture.figure]
    page = opened(written(kind)).page
    for name in FIGURES:
        figure = page.locator(f"section:has(> #figure-{name}) figure")
        assert figure.count() == (name in drawn)
        if name in drawn:
            box = figure.locator("svg").bounding_box()
            assert box
            assert box["width"] > 400
            assert box["height"] > 150
            assert len(figure.locator("svg").get_attribute("aria-label") or "") > 30
            assert figure.locator("svg text").count() > 5
            assert len(figure.locator("figcaption").inner_text()) > 30


def test_no_text_of_a_figure_is_cut_off(opened: Callable[..., Opened], written: Any) -> None:
    for kind in KINDS:
        assert opened(written(kind)).page.evaluate(TEXT_CUT_OFF) == [], kind


def test_a_column_sorts_by_number_both_ways(opened: Callable[..., Opened], written: Any) -> None:
    page = opened(written("cpu")).page
    head = page.locator("#table-main thead th", has_text="steady epoch")
    before = sorted_column(page, 2)
    assert before != sorted(before)
    head.locator("button").click()
    assert sorted_column(page, 2) == sorted(before)
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert sorted_column(page, 2) == sorted(before, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    page.locator("#table-main thead th button").first.click()
    assert sorted_column(page, 2) == before
    assert head.get_attribute("aria-sort") == "none"


def test_a_row_without_a_figure_stays_below_both_ways(opened: Callable[..., Opened], written: Any) -> None:
    page = opened(written("refused")).page
    button = page.locator("#table-main thead th", has_text="whole run").locator("button")
    for _ in range(2):
        button.click()
        values = sorted_column(page, 7)
        known = [value for value in values if value == value]
        assert 0 < len(known) < len(values)
        assert values[: len(known)] == known
    assert known == sorted(known, reverse=True)


def test_a_column_sorts_by_the_keyboard_alone(opened: Callable[..., Opened], written: Any) -> None:
    page = opened(written("cpu")).page
    button = page.locator("#table-main thead th button").nth(1)
    button.focus()
    assert button.evaluate("one => getComputedStyle(one).outlineStyle") != "none"
    page.keyboard.press("Enter")
    values = sorted_column(page, 2)
    assert values == sorted(values)


@every_kind
def test_the_page_asks_nothing_of_the_network(kind: str, opened: Callable[..., Opened], written: Any) -> None:
    found = opened(written(kind))
    found.page.wait_for_load_state("networkidle")
    assert [url for url in found.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in found.requests if url.startswith("file:")]) == 1
    assert "http" not in found.page.content().replace("http-equiv", "")


def test_a_page_that_did_ask_would_be_found_out_and_stopped(
    opened: Callable[..., Opened], written: Any, tmp_path: Path
) -> None:
    page = (written("cpu") / "report.html").read_text(encoding="utf-8")
    asking = page.replace("<h1>", '<img src="http://127.0.0.1:9/picture.png" alt=""><h1>')
    (tmp_path / "report.html").write_text(asking, encoding="utf-8")
    found = opened(tmp_path)
    assert any("Content Security Policy" in complaint for complaint in found.complaints)
    (tmp_path / "report.html").write_text(re.sub("<meta http-equiv[^>]*>", "", asking), encoding="utf-8")
    assert "http://127.0.0.1:9/picture.png" in opened(tmp_path).requests


@every_kind
@pytest.mark.parametrize("width", [390, 1300])
def test_the_page_never_scrolls_sideways(kind: str, width: int, opened: Callable[..., Opened], written: Any) -> None:
    page = opened(written(kind), width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") == width
    if width == 390:
        assert page.locator(".scroll").first.evaluate("one => one.scrollWidth > one.clientWidth"), "nothing to scroll"


def test_the_first_tables_fit_a_wide_window(opened: Callable[..., Opened], written: Any) -> None:
    page = opened(written("cpu")).page
    for name in ("users", "main"):
        assert page.locator(f".scroll:has(> #table-{name})").evaluate("one => one.scrollWidth <= one.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_can_be_read_in_light_and_in_dark(
    scheme: str, opened: Callable[..., Opened], written: Any
) -> None:
    page = opened(written("fast"), scheme=scheme).page
    texts = page.evaluate(COLOURS_OF_TEXT)
    assert len([tag for tag, *_ in texts if tag == "text"]) > 100
    poor = {(text, contrast(one, other)) for _, text, one, other in texts if contrast(one, other) < TEXT_CONTRAST}
    assert poor == set()
    marks = page.evaluate(COLOURS_OF_MARKS)
    assert len(marks) == 8
    assert min(contrast(one, other) for one, other in marks) > MARK_CONTRAST
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(paper) > 600) == (scheme == "light")


def test_every_page_of_a_fast_run_says_so(opened: Callable[..., Opened], written: Any) -> None:
    said = {}
    for kind in ("fast", "cpu"):
        page = opened(written(kind)).page
        said[kind] = [
            page.get_by_text("This is a fast run").count() == 1 and page.get_by_text("This is a fast run").is_visible(),
            "fast run" in page.title(),
            "fast run" in page.locator("figure svg").first.inner_html(),
            "fast run" in (written(kind) / "report.md").read_text(encoding="utf-8"),
        ]
    assert said == {"fast": [True] * 4, "cpu": [False] * 4}


def test_the_page_of_a_gpu_names_it(opened: Callable[..., Opened], written: Any) -> None:
    page = opened(written("gpu")).page
    assert "NVIDIA H200" in page.locator("header .lead").inner_text()
    assert page.get_by_text("GPU, by the allocator").count() == 1
    assert "NVIDIA" not in opened(written("cpu")).page.content()
