"""The code for Spark in the documentation gives the scores of this library."""

import re
import shutil
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from backends_test.environments import ROOT
from imdb_rnn import Classifier

PAGE = ROOT / "docs" / "scoring-on-a-cluster.md"
TEXTS = ["A good film, really.", "", "bad", None, "xyzzyx", *(f"A dull film, number {row}" for row in range(2_000))]


def code() -> str:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if "pyspark" in block)
    return str(found)


def test_the_code_is_as_short_as_promised() -> None:
    assert len([line for line in code().splitlines() if line]) <= 15


@pytest.mark.skipif(
    shutil.which("java") is None,
    reason="Spark needs Java: apt-get install --no-install-recommends default-jre-headless",
)
def test_the_code_gives_every_row_its_score_or_the_reason(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql import SparkSession

    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.chdir(tmp_path)
    Path("my-model").symlink_to(saved)
    Path("reviews").mkdir()
    parquet.write_table(pyarrow.table({"id": range(len(TEXTS)), "text": TEXTS}), "reviews/part-0.parquet")
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        exec(code(), {"__name__": "__main__"})  # noqa: S102 (our own page)
    finally:
        spark.stop()
    table = parquet.read_table("scored").sort_by("id")
    assert table.column_names == ["id", "text", "score", "label", "reason"]
    assert table["id"].to_pylist() == [*range(len(TEXTS))]
    expected = Classifier.load(saved).predict_reviews(TEXTS, on_error="skip")
    for name in ("score", "label", "reason"):
        assert table[name].to_pylist() == [getattr(one, name) for one in expected], name
