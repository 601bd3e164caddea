"""The table of what was fuzzed, in docs/security.md."""

from collections.abc import Mapping
from typing import Any

from backends_test.environments import ROOT
from backends_test.markdown import markdown_table, replace_table

PAGE = ROOT / "docs" / "security.md"
KINDS = {
    "tokens": "texts, split into words",
    "text-file": "text files and tables, recognised and decoded",
    "vocabulary": "word indexes",
    "settings": "the settings of a saved folder",
    "manifest": "manifests, with right and wrong hashes",
    "estimator": "the labels and parameters of a `ReviewClassifier`",
    "state": "the state of a training",
    "model": "the description in a model's file",
    "hdf5": "the arrays in a model's file",
    "archive": "zip archives",
    "npy": "arrays of numbers",
    "npz": "reviews in the format of `imdb.npz`",
}


def table(results: Mapping[str, Any]) -> str:
    """Return the table of `backends_test/results/fuzzing.json`."""
    rows = [
        [
            kind,
            f"`{name}`",
            f"{results['targets'][name]['executions']:,}",
            f"{results['targets'][name]['seconds']:,}",
            str(len(results["targets"][name]["findings"])),
        ]
        for name, kind in KINDS.items()
        if name in results["targets"]
    ]
    return markdown_table(["what", "target", "inputs", "seconds", "findings"], rows)


def page_with(results: Mapping[str, Any], page: str) -> str:
    """Return the text of the page with the table of these results."""
    return replace_table(page, "fuzzing", table(results))
