"""The report of the comparison: which pairs agree at which stage, and where the first disagreement is.

    python -m backends_test.comparison.report FOLDER              compares, and writes the report to FOLDER
    python -m backends_test.comparison.report FOLDER --publish    also renews the committed results and pages
    python -m backends_test.comparison.report FOLDER --show       prints the tables of the last comparison

`tox -e parity` runs it. The report is parity.json, parity.md, parity.html and growth.png. The committed results are
backends_test/results/parity.json, docs/parity.md, docs/parity-growth.png and the tables in docs/agreement.md.

The exit status is 1 if a pair disagrees, or if the results of an environment are missing or older than the sources.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from rich.console import Console
from rich.table import Table

from backends_test.comparison import equivalence, exports
from backends_test.comparison.compare import (
    DIVERGED,
    PAIRS,
    Artefacts,
    LossDifferences,
    MissingArtefactError,
    compare,
    compare_saved_models,
    disagreements,
    gather,
    horizons,
    label_disagreements,
    loss_differences,
    read_all,
)
from backends_test.comparison.inputs import HORIZON
from backends_test.comparison.pictures import growth_figure, heat, title_of
from backends_test.comparison.stages import DTYPES, LAYER_STAGES, LAYERS, MODEL_STAGES, stage_name
from backends_test.environments import ROOT, run_under
from backends_test.markdown import markdown_table, replace_table
from backends_test.pages import data_uri, render, save_png, write_json, write_text
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS
from imdb_rnn.errors import ImdbRnnError

RESULTS = ROOT / "backends_test" / "results" / "parity.json"
PAGE = ROOT / "docs" / "agreement.md"
TEMPLATE = Path(__file__).parent / "report.html.jinja"
AGREEMENT = "Every pair agrees at every stage."
EXPORTED = "Exported files, run by their own runtimes; largest difference of a score from the oracle."


def shown(difference: float) -> str:
    """Format a difference."""
    return "equal" if difference == 0 else f"{difference:.1e}"


def pairs_of(dtype: str) -> list[str]:
    """Return the pairs that are compared in a dtype: in float64 only the training backends and the oracle."""
    return [f"{one} - {other}" for one, other in PAIRS if dtype == "float32" or other not in PREDICTING_BACKENDS]


def exchange(folder: Path) -> None:
    """Let each backend load, and continue to train, the models that the others have saved.

    Raises:
        MissingArtefactError: see `backends_test.comparison.compare.read_all`; or a backend fails.
    """
    for dtype in DTYPES:
        read_all(folder, dtype)
    for backend in (*TRAINING_BACKENDS, *PREDICTING_BACKENDS):
        try:
            run_under(backend, "-m", "backends_test.comparison.exchange", folder)
        except (FileNotFoundError, CalledProcessError) as error:
            msg = f"{backend} cannot load the models of the other backends. Received: {error}"
            raise MissingArtefactError(msg) from error


def make_report(
    artefacts: Artefacts, losses: LossDifferences, exported: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Compare all participants, and hold exported files against the oracle."""
    rows = compare(artefacts)
    saved_models = compare_saved_models(artefacts["float32"])
    messages = [*disagreements(rows), *label_disagreements(saved_models), *exports.beyond(exported)]
    return {
        "agree": not messages,
        "disagreements": messages,
        "data": artefacts["float32"]["oracle"].note["data"]["source"],
        "participants": {name: artefact.note for name, artefact in artefacts["float32"].items()},
        "rows": rows,
        "saved_models": saved_models,
        "diverged": DIVERGED,
        "steps": HORIZON,
        "horizons": horizons(losses),
        "exported": list(exported),
    }


def summary_as_markdown(report: dict[str, Any]) -> str:
    """Format the summary of the tutorial's model.

    It shows the pairs of backends in float32, and the largest difference of the oracle and in float64.
    """
    pairs = [f"{one} - {other}" for one, other in combinations(TRAINING_BACKENDS, 2)]
    cells_of = {(row["stage"], row["dtype"]): row["pairs"] for row in report["rows"]}
    rows = []
    for stage in MODEL_STAGES:
        single, double = cells_of[stage.name, "float32"], cells_of.get((stage.name, "float64"))
        oracle = _largest(single[f"oracle - {name}"] for name in TRAINING_BACKENDS)
        rows.append(
            [
                stage.name,
                *(_cell(single[pair]) for pair in pairs),
                _cell(oracle),
                _cell(_largest(double.values())) if double else "float32 only",
            ]
        )
    return markdown_table(["stage", *map(title_of, pairs), "oracle", "float64"], rows)


def layers_as_markdown(report: dict[str, Any]) -> str:
    """Format the summary of the other recurrent layers: the largest difference of any pair."""
    pairs_of = {(row["stage"], row["dtype"]): row["pairs"].values() for row in report["rows"]}
    rows = [
        [f"{stage}, {dtype}", *(_cell(_largest(pairs_of[stage_name(layer, stage), dtype])) for layer in LAYERS)]
        for dtype in DTYPES
        for stage in LAYER_STAGES
    ]
    return markdown_table(["stage", *LAYERS], rows)


def as_markdown(report: dict[str, Any], dtype: str) -> str:
    """Format the table of one dtype."""
    pairs = pairs_of(dtype)
    rows = [
        [row["stage"], shown(row["tolerance"]), *(_cell(row["pairs"].get(pair)) for pair in pairs)]
        for row in report["rows"]
        if row["dtype"] == dtype
    ]
    return markdown_table([dtype, "tolerance", *map(title_of, pairs)], rows)


def horizons_as_markdown(report: dict[str, Any]) -> str:
    """Format the table of horizons."""
    rows = []
    for pair in report["horizons"]["float32"]:
        steps = [report["horizons"][dtype][pair] or f"none of {report['steps']}" for dtype in DTYPES]
        rows.append([title_of(pair), *map(str, steps)])
    return markdown_table([f"first step with losses {DIVERGED:g} apart", *DTYPES], rows)


def as_text(report: dict[str, Any]) -> str:
    """Format the whole report as Markdown."""
    participants = [
        f"- {title_of(name)}: {', '.join(f'{what} {version}' for what, version in note['versions'].items())}, "
        f"on the {note['device']}"
        for name, note in report["participants"].items()
    ]
    parts = [
        "# Do the backends agree?",
        *(report["disagreements"] or [AGREEMENT]),
        f"Largest difference between two participants in any tensor of a stage; {report['data']} reviews.",
        *(as_markdown(report, dtype) for dtype in DTYPES),
        horizons_as_markdown(report),
        EXPORTED,
        exports.table(report["exported"]),
        "\n".join(participants),
    ]
    return "\n\n".join(parts) + "\n"


def as_html(report: dict[str, Any], losses: LossDifferences) -> str:
    """Format the whole report as one page that needs no other file."""
    return render(
        TEMPLATE,
        {"title_of": title_of, "shown": shown, "heat": heat, "pairs_of": pairs_of},
        **report,
        dtypes=DTYPES,
        trains=TRAINING_BACKENDS,
        growth=data_uri(growth_figure(losses, report["data"])),
    )


def print_table(report: dict[str, Any], console: Console) -> None:
    """Print the tables, and below them the verdict."""
    for dtype in DTYPES:
        table = Table(title=f"Largest difference, {dtype}, {report['data']} reviews", title_justify="left")
        table.add_column("stage")
        table.add_column("tolerance", justify="right")
        for pair in pairs_of(dtype):
            table.add_column(title_of(pair).replace(", ", "\n"), justify="right")
        for row in report["rows"]:
            if row["dtype"] == dtype:
                cells = (_cell(row["pairs"].get(pair)) for pair in pairs_of(dtype))
                table.add_row(row["stage"], shown(row["tolerance"]), *cells)
        console.print(table)
    table = Table(title=EXPORTED, title_justify="left")
    for name in ("exported file", "written by", "run by", "difference"):
        table.add_column(name)
    for row in report["exported"]:
        difference = "not run" if row["difference"] is None else shown(row["difference"])
        table.add_row(row["title"], row["writer"], row.get("runtime", ""), difference)
    console.print(table)
    for message in report["disagreements"]:
        console.print(f"DISAGREEMENT: {message}", soft_wrap=True)
    if report["agree"]:
        console.print(AGREEMENT)


def _largest(cells: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return max(cells, key=lambda cell: float(cell["difference"]))


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "not run"
    return shown(cell["difference"]) + ("" if cell["agrees"] else " BEYOND TOLERANCE")


def publish(report: dict[str, Any], folder: Path) -> None:
    """Renew the committed results and pages."""
    write_json(RESULTS, report)
    shutil.copy(folder / "parity.md", ROOT / "docs" / "parity.md")
    shutil.copy(folder / "growth.png", ROOT / "docs" / "parity-growth.png")
    write_text(PAGE, renew(PAGE.read_text(encoding="utf-8"), report))


def renew(page: str, report: dict[str, Any]) -> str:
    """Renew the tables in the text of docs/agreement.md."""
    page = replace_table(page, "parity", summary_as_markdown(report))
    page = replace_table(page, "layers", layers_as_markdown(report))
    page = replace_table(page, "horizons", horizons_as_markdown(report))
    page = replace_table(page, "exported", exports.table(report["exported"]))
    results = json.loads(equivalence.RESULTS.read_text(encoding="utf-8"))
    return replace_table(page, "equivalence", equivalence.table(results))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Compare the results of all environments, pair by pair.")
    parser.add_argument("folder", type=Path, help="the results of the environments, and the report")
    parser.add_argument("--publish", action="store_true", help="renew the committed results and pages")
    parser.add_argument("--show", action="store_true", help="only print the tables of the last comparison")
    arguments = parser.parse_args()
    folder = arguments.folder
    if arguments.show:
        print_table(json.loads((folder / "parity.json").read_text(encoding="utf-8")), Console(width=132))
        print(f"The whole report: {folder / 'parity.html'}")
        return 0
    try:
        exchange(folder)
        artefacts = gather(folder)
    except (MissingArtefactError, ImdbRnnError) as error:
        print(error, file=sys.stderr)
        return 1
    losses = loss_differences(artefacts)
    report = make_report(artefacts, losses, exports.rows_of(folder))
    write_json(folder / "parity.json", report)
    write_text(folder / "parity.md", as_text(report))
    write_text(folder / "parity.html", as_html(report, losses))
    save_png(growth_figure(losses, report["data"]), folder / "growth.png")
    if not report["agree"]:
        print_table(report, Console(width=132))
        return 1
    if arguments.publish:
        if report["data"] != "imdb":
            print("Only results of the IMDB reviews can be published. Set IMDB_RNN_DATA.", file=sys.stderr)
            return 1
        publish(report, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
