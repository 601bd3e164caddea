"""Changes a saved folder, and the files in its model, as a user or damage might."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imdb_rnn import Training

if TYPE_CHECKING:
    import h5py

Saved = tuple[Path, Training]
Change = Callable[[dict[str, Any]], object]


def rewrite_json(path: Path, change: Change) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def rewrite_member(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def rewrite_weights(path: Path, change: Callable[["h5py.File"], object]) -> None:
    def rewrite(content: bytes) -> bytes:
        import h5py

        file = io.BytesIO(content)
        with h5py.File(file, "r+") as weights:
            change(weights)
        return file.getvalue()

    rewrite_member(path, "model.weights.h5", rewrite)


def rewrite_layers(path: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    def rewrite(content: bytes) -> bytes:
        config = json.loads(content)
        change(config["config"]["layers"])
        return json.dumps(config).encode()

    rewrite_member(path, "config.json", rewrite)


def replace_array(name: str, array: np.ndarray, **options: Any) -> Callable[["h5py.File"], None]:
    def replace(weights: "h5py.File") -> None:
        del weights[name]
        weights.create_dataset(name, data=array, **options)

    return replace
