"""Looks for the smallest model that shows a disagreement, so that a program of a few lines can show it."""

import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from backends_test.any_model import reduction
from backends_test.any_model.arrays import Array, ArrayFile
from backends_test.any_model.participant import read_calls
from backends_test.any_model.processes import ParticipantError
from backends_test.any_model.reduction import Candidate, Input, Node, Tree
from backends_test.any_model.run import BAD, ComparisonError, Options, Session, compare_in
from backends_test.any_model.shrunk_program import (
    LOSSES,
    OPTIMIZERS,
    ProgramWriter,
    Shrunk,
    error_type,
    is_gradient,
    is_shown,
    read_leaves,
    run_program,
    title_of,
    titles,
)
from backends_test.any_model.verdicts import Row

# How many lines a program should have at most.
LINES = 15
# How long the search may take, and a single comparison or program in it.
SECONDS = 300.0
STEP_SECONDS = 60.0


class ShrinkError(Exception):
    """A disagreement cannot be made small; the message says what was found, and why it stops there."""


def shrink(
    interpreters: Mapping[str, Path],
    options: Options,
    tell: Callable[[str], None] = lambda _: None,
    seconds: float = SECONDS,
) -> Shrunk | None:
    """Compare a model, and make its first disagreement small.

    Args:
        interpreters: backend -> its Python.
        options: what is compared.
        tell: is told what happens, in a few words.
        seconds: how long the search may take, after the first comparison. The best result so far is returned.

    Returns:
        None if the backends agree.

    Raises:
        ComparisonError: no backend could build the model.
        ShrinkError: no smaller model or no program shows the disagreement.
    """
    folder = Path(tempfile.mkdtemp(prefix="backends-test-"))
    try:
        with Session(interpreters, folder, options.device) as session:
            return shrink_in(session, interpreters, options, folder / "shrink", tell, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shrink_in(
    session: Session,
    interpreters: Mapping[str, Path],
    options: Options,
    folder: Path,
    tell: Callable[[str], None] = lambda _: None,
    seconds: float = SECONDS,
) -> Shrunk | None:
    """Do what `shrink` does in running processes.

    Args:
        session: the processes.
        interpreters: see `shrink`; the program is run by each of them at the end.
        options: see `shrink`.
        folder: where the models and programs that are tried are written.
        tell: see `shrink`.
        seconds: see `shrink`.

    Returns:
        See `shrink`.

    Raises:
        ComparisonError: see `shrink`.
        ShrinkError: see `shrink`.
    """
    tell("compare the whole model")
    comparison = compare_in(session, options, folder / "whole")
    target = next((row for row in comparison.rows if row.verdict in BAD), None)
    if target is None:
        return None
    failing = _failing(comparison.rows, target)
    processes = _Processes(session, options, folder)
    search = _Search(session, processes, options, folder, target, failing, tell, seconds)
    found = search.smallest(search.start())
    program = ProgramWriter(target, failing, options.steps, processes.run, tell).simplest(found, search.given)
    if program is None:
        raise search.without_program(found)
    notes = []
    path = folder / "program.py"
    path.write_text(program.text(), encoding="utf-8")
    tell("run the program by itself")
    observed = {backend: run_program(path, python, backend, options.device) for backend, python in interpreters.items()}
    if reduction.imports(found):
        observed, how = program.printed, "It imports your own code: keep it in the folder of that file."
        notes.append(how)
    elif not is_shown(observed, target):
        notes.append("Run by itself, the program does not show the difference that it showed within the comparison.")
    if len(program.text().splitlines()) > LINES:
        notes.append(f"The program has more than {LINES} lines, because the model could not be made smaller.")
    return Shrunk(
        target,
        program.text(),
        title_of(target, found, list(interpreters)),
        observed,
        program.expected,
        comparison.versions,
        search.steps,
        notes,
    )


def _failing(rows: Sequence[Row], target: Row) -> frozenset[str]:
    """Return the backends on which the model cannot be built, or the stage of the disagreement fails."""
    return frozenset(row.pair[0] for row in rows if row.stage in ("build", target.stage) and row.verdict == "fails")


class _Processes:
    """Calls functions of `reduction` in the processes of the backends, as if they built a model.

    Args:
        session: the processes.
        options: how the whole model is compared.
        folder: has the comparison of the whole model in "whole".
    """

    def __init__(self, session: Session, options: Options, folder: Path) -> None:
        self._session, self._options, self._folder = session, options, folder
        self._runs = 0

    def describe(self, backend: str) -> dict[str, Any]:
        """Return what `reduction.describe` tells of the whole model.

        Raises:
            ParticipantError: the backend cannot build it.
        """
        task = self._task(self._options.model, self._folder / "whole")
        result = self._folder / "described.json"
        self._call(backend, f"describe_{backend}", f"    return reduction.describe_given({task!r}, {str(result)!r})")
        described: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return described

    def run(self, program: str) -> dict[str, Any]:
        """Run a program on all backends.

        Args:
            program: its text; it sets a variable `found`.

        Returns:
            Backend -> what `reduction.run` writes there, or {"error": message}.
        """
        self._runs += 1
        path = self._folder / f"program_{self._runs}.py"
        path.write_text(program, encoding="utf-8")

        def run(backend: str) -> Any:
            result = self._folder / f"program_{self._runs}_{backend}.json"
            body = f"    return reduction.run({str(path)!r}, {str(result)!r})"
            try:
                self._call(backend, f"run_{self._runs}_{backend}", body)
            except ParticipantError as error:
                return {"error": str(error)}
            return json.loads(result.read_text(encoding="utf-8"))

        backends = self._session.backends
        with ThreadPoolExecutor(len(backends)) as pool:
            return dict(zip(backends, pool.map(run, backends), strict=True))

    def _task(self, model: str, folder: Path) -> dict[str, Any]:
        options = self._options
        return {
            "do": "prepare",
            "folder": str(folder),
            "model": model,
            "trust": options.trust,
            "optimizer": options.optimizer,
            "loss": options.loss,
            "inputs": options.inputs,
        }

    def _call(self, backend: str, name: str, body: str) -> None:
        path = self._folder / f"{name}.py"
        lines = ["from backends_test.any_model import reduction", "", "", "def build():", body, ""]
        path.write_text("\n".join(lines), encoding="utf-8")
        task = self._task(f"{path}:build", self._folder / f"{name}.results") | {
            "inputs": "",
            "optimizer": "",
            "loss": "",
        }
        self._session.do(backend, task | {"stages": []}, STEP_SECONDS)


class _Search:
    """Looks for the smallest model that shows a disagreement.

    Args:
        session: the processes, in which models are compared.
        processes: describes the whole model.
        options: how the model is compared.
        folder: has the comparison of the whole model in "whole".
        target: the disagreement.
        failing: the backends on which its stage fails.
        tell: is told what happens.
        seconds: how long the search may take.

    Attributes:
        given: the folder of what the last model was given that was compared.
        steps: how many models were compared.
    """

    def __init__(
        self,
        session: Session,
        processes: _Processes,
        options: Options,
        folder: Path,
        target: Row,
        failing: frozenset[str],
        tell: Callable[[str], None],
        seconds: float,
    ) -> None:
        self.session, self.options, self.folder, self.target, self.failing = session, options, folder, target, failing
        self.tell, self.seconds, self.end, self.steps = tell, seconds, math.inf, 0
        self._tried: dict[str, bool] = {}
        self.given = self._whole = folder / "whole" / "given"
        able = [name for name in session.backends if (folder / "whole" / name / "float32").is_dir()]
        self.model = self._describe(processes, able or session.backends)
        self.shapes: dict[int, Input] = {}

    # The models to begin with.

    def _describe(self, processes: _Processes, backends: Sequence[str]) -> dict[str, Any]:
        """Return the description of the model by the first backend that can build it."""
        errors = []
        for backend in backends:
            try:
                return processes.describe(backend)
            except ParticipantError as error:
                errors.append(str(error))
        raise self._stop(f"its layers cannot be read: {errors[0]}")

    def start(self) -> Candidate:
        """Return the first model of `_starts` that shows the disagreement.

        Raises:
            ShrinkError: none does.
        """
        reasons: list[str] = []
        for candidate in self._starts(reasons.append):
            if self.shows(candidate):
                return candidate
        why = reasons[0] if reasons else "no part of the model shows it alone"
        raise self._stop(why)

    def _stop(self, why: str) -> ShrinkError:
        row = self.target
        where = f" of {row.layer}" if row.layer else ""
        pair = titles(list(dict.fromkeys(row.pair)))
        msg = (
            f"Cannot make it smaller. Found: {row.verdict} at the stage {row.stage!r}, {row.tensor or 'all'}{where}, "
            f"on {pair}. It stops there: {why}."
        )
        return ShrinkError(msg)

    def _starts(self, refuse: Callable[[str], None]) -> Iterator[Candidate]:
        target = self.target
        if target.stage == "saved":
            refuse(
                "a difference between a saved and a loaded model needs two processes. Report it with the whole model"
            )
            return
        trained = self._trained(refuse)
        if target.stage in LOSSES:
            for change in trained:
                yield from (one._replace(**change) for one in self._simple_models())
        for name in dict.fromkeys([target.layer, *self.model["layers"]] if target.stage in LOSSES else [target.layer]):
            for one in self._layer_alone(name, refuse):
                yield from (one._replace(**change) for change in trained)
        if graph := self._graph():
            yield from (graph._replace(**change) for change in trained)
        elif self.model["graph"] is None:
            refuse("it takes several layers, and the model is no functional model that can be taken apart")

    def _trained(self, refuse: Callable[[str], None]) -> list[dict[str, Tree]]:
        """Return the optimizers and losses to try, simplest first."""
        if self.target.stage not in LOSSES:
            return [{}]
        optimizer = self.model["optimizer"] if self.target.stage in OPTIMIZERS else "sgd"
        losses = [self.model["loss"]] if self.target.stage == "loss" else ["mse", self.model["loss"]]
        for one in (optimizer, *losses):
            if isinstance(one, dict) and "error" in one:
                refuse(one["error"])
                return []
        return [{"optimizer": optimizer, "loss": loss} for i, loss in enumerate(losses) if loss not in losses[:i]]

    def _simple_models(self) -> Iterator[Candidate]:
        """Yield models of one layer, for a disagreement that is not the layer's."""

        def model(name: str, settings: dict[str, Any], one: Input) -> Candidate:
            layer = {"class": f"keras.layers.{name}", "from": "", "settings": settings, "required": list(settings)}
            return Candidate({0: one}, (Node(layer, reduction.alone(0), (1,)),))

        if self.target.stage == "loss":
            shape = self._output_shape()
            if shape is not None:
                yield model("Identity", {}, Input(shape, "float32"))
            return
        yield model("Dense", {"units": 1}, Input((1,), "float32"))
        yield model("Embedding", {"input_dim": 2, "output_dim": 1}, Input((4,), "int32"))

    def _output_shape(self) -> tuple[int, ...] | None:
        for backend in self.session.backends:
            path = self.folder / "whole" / backend / "float32" / "whole.npz"
            if path.exists():
                file = ArrayFile(path)
                return next((file[tensor].shape[1:] for tensor in file), None)
        return None

    def _layer_alone(self, name: str, refuse: Callable[[str], None]) -> Iterator[Candidate]:
        """Yield models of the layer, on inputs of the shapes that it has in the whole model."""
        layer = self.model["layers"].get(name)
        if layer is None:
            return
        if "error" in layer:
            refuse(layer["error"])
            return
        path = self._whole / "calls-inference"
        calls = read_calls(path) if path.with_suffix(".json").exists() else []
        for call in calls:
            if call.layer == name and all(array.ndim for array in call.arrays):
                arguments, masks = _plain_arguments(call.arguments)
                taken = list(reduction.tensors_in(arguments))
                inputs = {number: _input_of(call.arrays[number]) for number in taken}
                node = Node(layer, arguments, (len(call.arrays),))
                yield Candidate(inputs, (node,))
                if len(taken) == 1 and masks:
                    masked = {"list": [arguments["list"][0], {"dict": {"mask": {"tensor": masks[0]}}}]}
                    more = {masks[0]: _input_of(call.arrays[masks[0]])}
                    yield Candidate(inputs | more, (node._replace(arguments=masked),))
                return

    def _graph(self) -> Candidate | None:
        """Return the whole model, if it is a functional one."""
        if self.model["graph"] is None:
            return None
        inputs, nodes = self.model["graph"]
        flat = read_leaves(self._whole / "inputs")
        if len(flat) != len(inputs):
            return None
        taken = {int(number): _input_of(array) for number, array in zip(inputs, flat, strict=True)}
        return Candidate(taken, tuple(Node(layer, arguments, tuple(outputs)) for layer, arguments, outputs in nodes))

    # Smaller and smaller.

    def shows(self, candidate: Candidate) -> bool:
        """Whether a model has the same verdict on the same backends at the same stage."""
        text = reduction.write_build(candidate)
        if text not in self._tried:
            self._tried[text] = time.monotonic() < self.end and self._compare(text)
        return self._tried[text]

    def _compare(self, text: str) -> bool:
        self.steps += 1
        path = self.folder / f"candidate_{self.steps}.py"
        path.write_text(text, encoding="utf-8")
        stage = self.target.stage
        stages = ("one step", "eager") if stage == "eager" else (stage,)
        options = self.options._replace(
            model=f"{path}:build", inputs="", optimizer="", loss="", stages=stages, seconds=STEP_SECONDS
        )
        results = self.folder / f"candidate_{self.steps}"
        self.given = results / "given"
        try:
            rows = compare_in(self.session, options, results).rows
        except ComparisonError:
            return False
        kept = any(self._is_target(row) for row in rows) and _failing(rows, self.target) == self.failing
        first = text.partition("def build():\n")[2].strip().splitlines()[0]
        self.tell(f"{'still' if kept else 'not'}: {first[:100]}")
        return kept

    def _is_target(self, row: Row) -> bool:
        target = self.target
        return (
            (row.stage, row.pair, row.verdict) == (target.stage, target.pair, target.verdict)
            and (not target.off or row.off == target.off)
            and (row.verdict != "fails" or error_type(row.reason) == error_type(target.reason))
            # A layer alone has outputs and gradients; a program shows one or the other.
            and (target.stage != "layer alone" or is_gradient(row) == is_gradient(target))
        )

    def smallest(self, candidate: Candidate) -> Candidate:
        """Return the smallest model that is found: with fewer layers, then settings, then smaller shapes."""
        self.end = time.monotonic() + self.seconds
        changed = True
        while changed:
            changed = False
            for smaller in self._smaller(candidate):
                if self.shows(smaller):
                    candidate, changed = smaller, True
                    break
        # Its results are looked at, for the shapes of its weights, inputs and targets.
        self._tried.clear()
        self.end = math.inf
        self.shows(candidate)
        return candidate

    def _smaller(self, candidate: Candidate) -> Iterator[Candidate]:
        if time.monotonic() > self.end:
            return
        if len(candidate.nodes) > 1:
            for position in range(len(candidate.nodes)):
                for smaller in reduction.without_node(candidate, position, self._shapes_of(candidate)):
                    if smaller.nodes:
                        yield smaller
        yield from reduction.simplify(candidate)

    def _shapes_of(self, candidate: Candidate) -> dict[int, Input]:
        """Return the shapes of the outputs of the whole model's layers, as far as they are known."""
        if not self.shapes and self.model["graph"] is not None:
            path = self._whole / "calls-inference"
            calls = read_calls(path) if path.with_suffix(".json").exists() else []
            arrays = {call.layer: call for call in calls}
            names = list(self.model["layers"])
            for node in candidate.nodes:
                # What a layer takes is what the one before it has returned.
                for name in names:
                    if self.model["layers"][name] == node.layer and name in arrays:
                        arguments, _ = _plain_arguments(arrays[name].arguments)
                        numbers = list(reduction.tensors_in(node.arguments))
                        own = list(reduction.tensors_in(arguments))
                        for number, position in zip(numbers, own, strict=False):
                            self.shapes.setdefault(number, _input_of(arrays[name].arrays[position]))
        return self.shapes

    def without_program(self, candidate: Candidate) -> ShrinkError:
        """Return the error that says that no program shows the disagreement of the smallest model."""
        model = "; ".join(reduction.write_model(candidate))
        why = f"the smallest model is `{model}`, but no program with simple numbers shows it"
        if self.target.layer in self.model["random"] and self.target.stage in ("training", *LOSSES):
            why = f"the smallest model is `{model}`; it draws random numbers, which differ between backends anyway"
        return self._stop(why)


def _plain_arguments(arguments: Any) -> tuple[Any, list[int]]:
    """Return the arguments of a call without masks and without what Keras adds, and the numbers of the masks."""
    masks: list[int] = []

    def plain(value: Any) -> Any:
        if "tensor" in value:
            if value.get("mask") is not None:
                masks.append(value["mask"])
            return {"tensor": value["tensor"]}
        for kind in ("list", "tuple"):
            if kind in value:
                return {kind: [plain(part) for part in value[kind]]}
        if "dict" in value:
            return {"dict": {name: plain(part) for name, part in value["dict"].items()}}
        return value

    args, kwargs = arguments["list"]
    kept = {
        name: value
        for name, value in kwargs["dict"].items()
        if name != "training" and value.get("value", 0) is not None
    }
    return plain({"list": [args, {"dict": kept}]}), masks


def _input_of(array: Array) -> Input:
    return Input(array.shape[1:], "float32" if array.dtype.name == "float64" else array.dtype.name)
