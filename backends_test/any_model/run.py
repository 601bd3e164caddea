"""Compares a Keras model on several backends: starts their processes, and compares what they have computed."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import combinations, permutations
from pathlib import Path
from typing import Any, NamedTuple

from backends_test.any_model.arrays import ArrayFile, Tensor
from backends_test.any_model.observation import SELF, STAGES
from backends_test.any_model.processes import Participant, ParticipantError, pack
from backends_test.any_model.verdicts import Observed, Row, Verdict, farthest, judge, saver_or_loader

BACKENDS = ("jax", "torch", "tensorflow")
# In the order in which a fault shows: what only compiled code has wrong, before the steps, which are compiled.
STEPS = ("one step", "steps")
ALL_STAGES = (*(stage for stage in STAGES if stage not in STEPS), "compiled", "rows", *STEPS, "eager", "saved")
# The stages of calls. Attention, for example, calls its softmax only where a backend has no fused operation.
CALLS = ("forward", "training", "layer alone")
# A row with one of these verdicts is a disagreement.
BAD = ("disagrees", "fails")


class ComparisonError(Exception):
    """The comparison could not be run."""


class Comparison(NamedTuple):
    """The result of a comparison.

    Attributes:
        rows: every tensor of every stage, for every pair of backends.
        versions: backend -> package -> version.
        notes: what a reader should know, for example why there is no float64.
        speed: what was timed, see `speed`; empty if nothing was.
    """

    rows: list[Row]
    versions: dict[str, dict[str, str]]
    notes: list[str]
    speed: dict[str, Any] = {}  # noqa: RUF012 (never changed)

    @property
    def agree(self) -> bool:
        """Whether no row disagrees or fails."""
        return not any(row.verdict in BAD for row in self.rows)

    @property
    def first_disagreement(self) -> dict[str, str] | None:
        """The first row that disagrees or fails: its `layer`, `stage`, `tensor`, and the `backend` that is off."""
        for row in self.rows:
            if row.verdict in BAD:
                return {"layer": row.layer, "stage": row.stage, "tensor": row.tensor, "backend": row.off}
        return None

    def to_json(self) -> dict[str, Any]:
        """Return what `backends-test compare --json` prints."""
        return {
            "agree": self.agree,
            "first_disagreement": self.first_disagreement,
            "rows": [row._asdict() | {"pair": " - ".join(row.pair)} for row in self.rows],
            "speed": self.speed,
            "versions": self.versions,
            "notes": self.notes,
        }


class Options(NamedTuple):
    """What is compared; see `compare`."""

    model: str
    inputs: str = ""
    optimizer: str = ""
    loss: str = ""
    steps: int = 5
    stages: tuple[str, ...] = ALL_STAGES
    trust: bool = False
    device: str = "cpu"
    seconds: float = 600


class Session:
    """The processes of the backends, for one comparison or many.

    Args:
        interpreters: backend -> its Python.
        folder: where logs and results lie.
        device: "cpu" or "gpu".
        extra: other packages of `backends_test` that the models need.
    """

    def __init__(
        self, interpreters: Mapping[str, Path], folder: Path, device: str = "cpu", extra: Sequence[str] = ()
    ) -> None:
        self._interpreters, self._folder, self._device = dict(interpreters), folder, device
        self._participants: dict[str, Participant] = {}
        folder.mkdir(parents=True, exist_ok=True)
        pack(folder / "participant.pyz", extra)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        while self._participants:
            self._participants.popitem()[1].close()

    @property
    def backends(self) -> list[str]:
        """The backends, in the order in which they were given."""
        return list(self._interpreters)

    def do(self, backend: str, task: dict[str, Any], seconds: float) -> None:
        """Do a task in a backend's process, which is started if there is none.

        Raises:
            ParticipantError: the task fails; a process that has died is started again for the next task.
        """
        if backend not in self._participants:
            self._participants[backend] = Participant(
                backend,
                self._interpreters[backend],
                self._folder / "participant.pyz",
                self._folder / f"{backend}.log",
                self._device,
            )
        try:
            self._participants[backend].do(task, seconds)
        except ParticipantError as error:
            if error.kind in ("died", "time") and (ended := self._participants.pop(backend, None)) is not None:
                ended.close()
            raise


def compare_in(
    session: Session, options: Options, folder: Path, tell: Callable[[str], None] = lambda _: None
) -> Comparison:
    """Compare a model in running processes.

    Args:
        session: the processes.
        options: what is compared.
        folder: where the backends write. What it has from an interrupted comparison is not done again.
        tell: is told what happens, in a few words.

    Raises:
        ComparisonError: no backend could build the model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    failed: dict[str, str] = {}
    task = {
        "folder": str(folder),
        "model": options.model,
        "trust": options.trust,
        "inputs": options.inputs,
        "optimizer": options.optimizer,
        "loss": options.loss,
        "steps": options.steps,
        "stages": list(options.stages),
    }
    _prepare(session, task, options, folder, failed, tell)

    def run(do: str, backend: str, **more: Any) -> None:
        done = folder / backend / f"{do}.done"
        if done.exists() or backend in failed:
            return
        tell(f"{do} {backend}")
        try:
            session.do(backend, task | {"do": do} | more, options.seconds)
            done.touch()
        except ParticipantError as error:
            if do == "observe":
                failed[backend] = str(error)
            else:
                (folder / backend / "exchange.failed").write_text(str(error), encoding="utf-8")
        tell(f"done {do} {backend}")

    with ThreadPoolExecutor(len(session.backends)) as pool:
        try:
            list(pool.map(lambda backend: run("observe", backend), session.backends))
            if "saved" in options.stages:
                able = [backend for backend in session.backends if backend not in failed]
                list(pool.map(lambda backend: run("exchange", backend, others=[x for x in able if x != backend]), able))
        except KeyboardInterrupt:
            # Otherwise the pool would wait for the tasks.
            session.close()
            raise
    return gather(folder, session.backends, options, failed)


def _prepare(
    session: Session,
    task: dict[str, Any],
    options: Options,
    folder: Path,
    failed: dict[str, str],
    tell: Callable[[str], None],
) -> None:
    if (folder / "given" / "done").exists():
        return
    for backend in session.backends:
        tell(f"prepare {backend}")
        try:
            session.do(backend, task | {"do": "prepare"}, options.seconds)
        except ParticipantError as error:
            # Another backend may be able to build the model. Wrong inputs are wrong for all of them.
            failed[backend] = str(error)
            if error.kind == "inputs":
                break
            continue
        tell(f"done prepare {backend}")
        (folder / "given" / "done").touch()
        return
    reasons = "; ".join(sorted(set(failed.values())))
    raise ComparisonError(f"Cannot compare {options.model}: {reasons}")


def gather(folder: Path, backends: Sequence[str], options: Options, failed: Mapping[str, str]) -> Comparison:
    """Compare what the backends have written."""
    able = [backend for backend in backends if (folder / backend / "float32" / "noise.json").exists()]
    rows = [
        Row("build", "", "model", (backend, backend), None, None, "fails", backend, reason)
        for backend, reason in failed.items()
    ]
    results = {backend: Results(folder / backend) for backend in able}
    for stage in sorted(options.stages, key=ALL_STAGES.index):
        if stage in STAGES:
            rows += between(stage, results)
        elif stage in SELF:
            for result in results.values():
                rows += within(stage, result)
        elif stage == "saved":
            rows += exchanged(results)
    versions = {backend: _read_json(folder / backend / "versions.json", {}) for backend in able}
    notes = [
        f"{backend}: no float64 reference, {reason}"
        for backend, result in results.items()
        if (reason := result.no_float64)
    ]
    loaded: dict[tuple[str, str], list[str]] = {}
    for saver, loader in permutations(results, 2):
        if note := _read_json(folder / loader / f"saved by {saver}.note.json", ""):
            loaded.setdefault((saver, note), []).append(loader)
    notes += [f"saved on {saver}, loaded on {' and '.join(on)}: {note}" for (saver, note), on in loaded.items()]
    return Comparison(rows, versions, notes)


def _read_json(path: Path, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default


class Results:
    """What one backend has written.

    Args:
        folder: its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.backend, self.folder = folder.name, folder
        self.noise = {precision: self._noise(precision) for precision in ("float32", "float64")}
        self.failed: dict[str, str] = _read_json(folder / "float32" / "failed.json", {})
        self.not_run: dict[str, str] = _read_json(folder / "float32" / "not_run.json", {})
        failed64 = _read_json(folder / "float64" / "failed.json", {})
        self.no_float64 = failed64 if isinstance(failed64, str) else ""

    def _noise(self, precision: str) -> dict[str, dict[Tensor, float]]:
        stages: dict[str, list[tuple[str, str, float]]] = _read_json(self.folder / precision / "noise.json", {})
        if precision == "float32":
            stages["saved"] = _read_json(self.folder / "after saving.json", [])
        return {
            stage: {Tensor(layer, name): size for layer, name, size in entries} for stage, entries in stages.items()
        }

    def file(self, name: str) -> ArrayFile | None:
        """Return a file of arrays, None if it does not exist."""
        path = self.folder / f"{name}.npz"
        return ArrayFile(path) if path.exists() else None

    def noise_of(self, stage: str, tensor: Tensor, precision: str = "float32") -> float:
        """Return the noise of a tensor, 0 if it was not measured."""
        return self.noise[precision].get(stage, {}).get(tensor, 0.0)


def between(stage: str, results: Mapping[str, Results]) -> Iterator[Row]:
    """Compare a stage between all pairs of backends."""
    files = {name: file for name, one in results.items() if (file := one.file(f"float32/{stage}")) is not None}
    for name, one in results.items():
        if stage in one.failed:
            yield Row(stage, "", "", (name, name), None, None, "fails", name, one.failed[stage])
        elif stage in one.not_run:
            yield Row(stage, "", "", (name, name), None, None, "not run", "", one.not_run[stage])
    exact = {name: one.file(f"float64/{stage}") for name, one in results.items()}
    tensors = list(dict.fromkeys(tensor for file in files.values() for tensor in file))
    called = {name: {tensor.layer for tensor in file} for name, file in files.items()}
    for tensor in tensors:
        have = {}
        for name, file in files.items():
            if tensor in file:
                other = exact[name]
                have[name] = Observed(
                    file[tensor],
                    results[name].noise_of(stage, tensor),
                    other[tensor] if other is not None and tensor in other else None,
                    results[name].noise_of(stage, tensor, "float64"),
                )
        missing = [name for name in files if name not in have]
        pairs = [(pair, *judge(have[pair[0]], have[pair[1]])) for pair in combinations(have, 2)]
        off = farthest(have) if any(verdict == "disagrees" for *_, verdict in pairs) else ""
        for pair, difference, noise, verdict in pairs:
            blame = off if off in pair and verdict == "disagrees" else ""
            yield Row(stage, tensor.layer, tensor.name, pair, difference, noise, verdict, blame)
        for name in missing:
            if stage in CALLS and tensor.layer not in called[name]:
                reason = f"{name} does not call this layer, for it takes another way"
                yield Row(stage, tensor.layer, tensor.name, (name, name), None, None, "not run", "", reason)
                continue
            reason = f"{name} does not have it"
            yield Row(stage, tensor.layer, tensor.name, (name, name), None, None, "disagrees", name, reason)


def within(stage: str, result: Results) -> Iterator[Row]:
    """Compare a stage of a backend with other stages of the same backend."""
    pair = (result.backend, result.backend)
    if stage in result.failed:
        yield Row(stage, "", "", pair, None, None, "fails", result.backend, result.failed[stage])
    if stage in result.not_run:
        yield Row(stage, "", "", pair, None, None, "not run", "", result.not_run[stage])
    file = result.file(f"float32/{stage}")
    for tensor in file or ():
        assert file is not None
        for base in SELF[stage][1]:
            other = result.file(f"float32/{base}")
            if other is None or tensor not in other:
                continue
            # A layer may put examples together.
            if tensor.layer and file[tensor].shape != other[tensor].shape:
                continue
            observed = Observed(other[tensor], result.noise_of(base, tensor))
            difference, noise, verdict = judge(Observed(file[tensor], result.noise_of(stage, tensor)), observed)
            off = result.backend if verdict == "disagrees" else ""
            yield Row(stage, tensor.layer, tensor.name, pair, difference, noise, verdict, off)


def exchanged(results: Mapping[str, Results]) -> list[Row]:
    """Compare models that one backend has saved and another has loaded."""
    rows = [row for saver, loader in permutations(results, 2) for row in _exchanged(results[saver], results[loader])]
    pairs: dict[Tensor, list[tuple[str, str]]] = {}
    for row in rows:
        if row.verdict == "disagrees":
            pairs.setdefault(Tensor(row.layer, row.tensor), []).append(row.pair)
    return [
        row._replace(off=saver_or_loader(pairs[Tensor(row.layer, row.tensor)])) if row.verdict == "disagrees" else row
        for row in rows
    ]


def _exchanged(saver: Results, loader: Results) -> Iterator[Row]:
    pair = (saver.backend, loader.backend)
    came = f"saved by {saver.backend}"

    def whole(verdict: Verdict, off: str, reason: str) -> Row:
        return Row("saved", "", "file", pair, None, None, verdict, off, reason)

    if (reason := _read_json(saver.folder / "saved.json", None)) is not None:
        yield whole("fails", saver.backend, reason)
        return
    if (reason := _read_json(loader.folder / f"{came}.json", None)) is not None:
        yield whole("fails", loader.backend, reason)
        return
    kept, loaded = saver.file("after saving"), loader.file(came)
    if loaded is None and (broken := loader.folder / "exchange.failed").exists():
        yield whole("fails", loader.backend, broken.read_text(encoding="utf-8"))
        return
    if kept is None or loaded is None:
        yield whole("not run", "", "the model was not trained")
        return
    # Layers inside a user's layer may get other automatic names. They keep their order.
    other_name = dict(zip((t for t in kept if t not in loaded), (t for t in loaded if t not in kept), strict=False))
    for tensor in kept:
        noise = saver.noise_of("saved", tensor)
        name = other_name.get(tensor, tensor)
        if name not in loaded:
            yield Row("saved", *tensor, pair, None, None, "disagrees", loader.backend, "it is missing")
            continue
        difference, noise, verdict = judge(Observed(kept[tensor], noise), Observed(loaded[name], noise))
        yield Row("saved", *tensor, pair, difference, noise, verdict)
    for tensor in (t for t in loaded if t not in kept and t not in other_name.values()):
        reason = "the model that was saved does not have it"
        yield Row("saved", *tensor, pair, None, None, "disagrees", loader.backend, reason)


def compare_models(
    interpreters: Mapping[str, Path], options: Options, tell: Callable[[str], None] = lambda _: None
) -> Comparison:
    """Compare a model, and remove what the backends have written.

    Args:
        interpreters: backend -> its Python.
        options: what is compared.
        tell: is told what happens.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="backends-test-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        session = stack.enter_context(Session(interpreters, folder, options.device))
        return compare_in(session, options, folder / "results", tell)
