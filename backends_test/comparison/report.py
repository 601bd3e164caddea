"""The pairwise report: says whether the backends agree, stage by stage and pair by pair, and where they part first.

Run by `tox -e parity`.

    python -m backends_test.comparison.report FOLDER              compares; writes parity.json, parity.md, parity.html, growth.png there
    python -m backends_test.comparison.report FOLDER --publish    renews what is committed, too: backends_test/results/parity.json,
                                                docs/parity.md, docs/parity-growth.png and the tables in the README
    python -m backends_test.comparison.report FOLDER --show       prints the table of what was compared last

The exit status is 1 if a pair parts beyond the tolerance of a stage, or if what an environment should have left is
missing or older than the sources.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import jinja2
from rich.console import Console
from rich.table import Table

from backends_test.comparison import equivalence
from backends_test.comparison.compare import (
    PAIRS,
    PARTED,
    Found,
    Growth,
    MissingArtefactError,
    compare,
    compare_saved_models,
    gather,
    growth,
    horizons,
    label_partings,
    partings,
    read_all,
)
from backends_test.comparison.inputs import HORIZON
from backends_test.comparison.pictures import as_data_uri, growth_figure, heat, title_of
from backends_test.comparison.stages import DTYPES, LADDER
from backends_test.environments import ROOT, run_under
from backends_test.markdown import in_readme
from imdb_rnn.backends import PREDICTING_BACKENDS, TRAINING_BACKENDS
from imdb_rnn.errors import ImdbRnnError
from imdb_rnn.files import atomic_write

RESULTS = ROOT / "backends_test" / "results" / "parity.json"
README = ROOT / "README.md"


def shown(difference: float) -> str:
    """A difference as tables show it."""
    return "equal" if difference == 0 else f"{difference:.1e}"


def pairs_of(dtype: str) -> list[str]:
    """The pairs that are compared in a dtype: in float64 only those that train, and the oracle."""
    return [f"{one} - {other}" for one, other in PAIRS if dtype == "float32" or other not in PREDICTING_BACKENDS]


def exchange(folder: Path) -> None:
    """Have every environment read, and go on training, what the others have saved.

    Raises:
        MissingArtefactError: see `backends_test.comparison.compare.read_all`; or an environment is missing.
    """
    for dtype in DTYPES:
        read_all(folder, dtype)
    for backend in (*TRAINING_BACKENDS, *PREDICTING_BACKENDS):
        try:
            run_under(backend, "-m", "backends_test.comparison.exchange", folder)
        except (FileNotFoundError, CalledProcessError) as error:
            msg = f"{backend} cannot read what the others saved. Received: {error}"
            raise MissingArtefactError(msg) from error


def make_report(found: Found, grown: Growth) -> dict[str, Any]:
    """Compare all participants."""
    rows = compare(found)
    saved_models = compare_saved_models(found["float32"])
    parted = [*partings(rows), *label_partings(saved_models)]
    return {
        "agree": not parted,
        "partings": parted,
        "data": found["float32"]["oracle"].note["data"]["source"],
        "participants": {name: artefact.note for name, artefact in found["float32"].items()},
        "rows": rows,
        "saved_models": saved_models,
        "parted": PARTED,
        "steps": HORIZON,
        "horizons": horizons(grown),
    }


def summary_as_markdown(report: dict[str, Any]) -> str:
    """One table for the README: each pair of backends in float32, the oracle and float64 at their farthest."""
    pairs = [f"{one} - {other}" for one, other in combinations(TRAINING_BACKENDS, 2)]
    lines = [
        f"| stage | {' | '.join(map(title_of, pairs))} | oracle | float64 |",
        f"| --- |{' --- |' * (len(pairs) + 2)}",
    ]
    rows = {(row["stage"], row["dtype"]): row["pairs"] for row in report["rows"]}
    for stage in LADDER:
        single, double = rows[stage.name, "float32"], rows.get((stage.name, "float64"))
        oracle = [single[f"oracle - {name}"] for name in TRAINING_BACKENDS]
        cells = [_cell(cell) for cell in (*(single[pair] for pair in pairs), _farthest(oracle))]
        cells.append(_cell(_farthest(double.values())) if double else "float32 only")
        lines.append(f"| {stage.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def as_markdown(report: dict[str, Any], dtype: str) -> str:
    """The table of one dtype."""
    pairs = pairs_of(dtype)
    lines = [f"| {dtype} | tolerance | {' | '.join(map(title_of, pairs))} |", f"| --- |{' --- |' * (len(pairs) + 1)}"]
    for row in report["rows"]:
        if row["dtype"] == dtype:
            cells = [_cell(row["pairs"].get(pair)) for pair in pairs]
            lines.append(f"| {row['stage']} | {shown(row['tolerance'])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def horizons_as_markdown(report: dict[str, Any]) -> str:
    """The table of horizons."""
    lines = [f"| first step with losses {PARTED:g} apart | {' | '.join(DTYPES)} |", f"| --- |{' --- |' * len(DTYPES)}"]
    for pair in report["horizons"]["float32"]:
        found = [report["horizons"][dtype][pair] or f"none of {report['steps']}" for dtype in DTYPES]
        lines.append(f"| {title_of(pair)} | {' | '.join(map(str, found))} |")
    return "\n".join(lines)


def as_text(report: dict[str, Any]) -> str:
    """The whole report in Markdown."""
    verdict = report["partings"] or ["Every pair agrees at every stage."]
    what = f"Largest difference between two participants in any tensor of a stage; {report['data']} reviews."
    ran = [
        f"- {title_of(name)}: {', '.join(f'{what} {version}' for what, version in note['versions'].items())}, "
        f"on the {note['device']}"
        for name, note in report["participants"].items()
    ]
    tables = [as_markdown(report, dtype) for dtype in DTYPES]
    parts = ["# Do the backends agree?", *verdict, what, *tables, horizons_as_markdown(report), "\n".join(ran)]
    return "\n\n".join(parts) + "\n"


def as_html(report: dict[str, Any], grown: Growth) -> str:
    """The whole report as one page that needs nothing else."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"title_of": title_of, "shown": shown, "heat": heat, "pairs_of": pairs_of}
    template = environment.from_string((Path(__file__).parent / "report.html.jinja").read_text(encoding="utf-8"))
    return template.render(
        report
        | {
            "dtypes": DTYPES,
            "trains": list(TRAINING_BACKENDS),
            "growth": as_data_uri(growth_figure(grown, report["data"])),
        }
    )


def print_table(report: dict[str, Any], console: Console) -> None:
    """The tables on a terminal, and the verdict below them."""
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
    for parting in report["partings"]:
        console.print(f"PARTED: {parting}", soft_wrap=True)
    if report["agree"]:
        console.print("Every pair agrees at every stage.")


def _farthest(cells: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return max(cells, key=lambda cell: float(cell["difference"]))


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "not run"
    return shown(cell["difference"]) + ("" if cell["agrees"] else " PARTED")


def write_json(path: Path, report: dict[str, Any]) -> None:
    """Write a report, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def publish(report: dict[str, Any], folder: Path) -> None:
    """Bring what is committed up to date."""
    write_json(RESULTS, report)
    shutil.copy(folder / "parity.md", ROOT / "docs" / "parity.md")
    shutil.copy(folder / "growth.png", ROOT / "docs" / "parity-growth.png")
    text = README.read_text(encoding="utf-8")
    text = in_readme(text, "parity", summary_as_markdown(report))
    text = in_readme(text, "horizons", horizons_as_markdown(report))
    text = in_readme(
        text, "equivalence", equivalence.table(json.loads(equivalence.RESULTS.read_text(encoding="utf-8")))
    )
    README.write_text(text, encoding="utf-8")


def main() -> int:
    """Compare and write, or show."""
    parser = argparse.ArgumentParser(description="Compare what all environments have left, pair by pair.")
    parser.add_argument("folder", type=Path, help="what they have left, and where the report goes")
    parser.add_argument("--publish", action="store_true", help="renew what is committed, too")
    parser.add_argument("--show", action="store_true", help="print the table of what was compared last, and no more")
    arguments = parser.parse_args()
    folder = arguments.folder
    if arguments.show:
        print_table(json.loads((folder / "parity.json").read_text(encoding="utf-8")), Console(width=132))
        print(f"The whole report: {folder / 'parity.html'}")
        return 0
    try:
        exchange(folder)
        found = gather(folder)
    except (MissingArtefactError, ImdbRnnError) as error:
        print(error, file=sys.stderr)
        return 1
    grown = growth(found)
    report = make_report(found, grown)
    write_json(folder / "parity.json", report)
    (folder / "parity.md").write_text(as_text(report), encoding="utf-8")
    (folder / "parity.html").write_text(as_html(report, grown), encoding="utf-8")
    growth_figure(grown, report["data"]).savefig(folder / "growth.png", dpi=120, metadata={"Software": None})
    if not report["agree"]:
        print_table(report, Console(width=132))
        return 1
    if arguments.publish:
        if report["data"] != "imdb":
            print("Only figures of the IMDB reviews are published. Set IMDB_RNN_DATA.", file=sys.stderr)
            return 1
        publish(report, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
