"""`benchmarks/gpu.sh` from its first line to its last, on a CPU that takes the place of a GPU."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from backends_test.environments import ROOT
from imdb_rnn.backends import backend_name

# A driver that lists one GPU, of which 1,234 MiB are in use.
DRIVER = """#!/bin/sh
case "$1" in
  *driver_version*) echo "name, driver_version, memory.total [MiB]"; echo "Stand-in, 1.2, 3 MiB" ;;
  *name*) echo "Stand-in" ;;
  *) echo 1234 ;;
esac
"""


def rehearse(folder: Path) -> subprocess.CompletedProcess[str]:
    backend = backend_name()
    options = [f"{backend}={sys.executable}", "--only", f"{backend}-library", "--rounds", "1"]
    environment = os.environ | {"IMDB_RNN_GPU_REHEARSAL": "1", "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", str(ROOT / "benchmarks" / "gpu.sh"), str(folder / "out"), *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_one_command_leaves_a_few_files_with_all_that_a_gpu_is_needed_for_and_continues(tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").write_text(DRIVER, encoding="utf-8")
    (tmp_path / "nvidia-smi").chmod(0o755)
    done = rehearse(tmp_path)
    backend, out = backend_name(), tmp_path / "out"
    assert done.returncode == 0, done.stdout + done.stderr
    expected = {"device.txt", f"ladder-{backend}.txt", "layers.md", "report.html", "run.tar.gz"}
    assert {path.name for path in out.iterdir()} == expected
    text = {path.name: path.read_text(encoding="utf-8") for path in out.iterdir() if path.suffix != ".gz"}
    assert "Stand-in, 1.2" in text["device.txt"]
    assert f"{backend}: python" in text["device.txt"]
    assert " passed" in text[f"ladder-{backend}.txt"].splitlines()[-1]
    assert "| `LSTM` | 8 |" in text["layers.md"]
    assert "Stand-in" in text["report.html"]
    with tarfile.open(out / "run.tar.gz") as archive:
        names = archive.getnames()
    raw = [name for name in names if name.startswith("run/raw/")]
    assert [Path(name).name for name in sorted(raw)] == [
        f"{kind}-{backend}-library.json" for kind in ("0-check", "1-scaling", "1-steady")
    ]
    assert {"run/run.json", "run/report.json", f"layers/{backend}.json"} <= {*names}

    again = rehearse(tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "was measured before" in again.stderr
    assert {path.name for path in out.iterdir()} == expected
    for name in (f"ladder-{backend}.txt", "layers.md", "report.html"):
        assert (out / name).read_text(encoding="utf-8") == text[name]
