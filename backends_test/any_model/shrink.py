"""Makes a disagreement small: a program of a few lines that shows it, and a text to report it to Keras with."""

import json
import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backends_test.any_model import reduction
from backends_test.any_model.arrays import Array, ArrayFile
from backends_test.any_model.observation import SELF
from backends_test.any_model.participant import read_calls, read_structure
from backends_test.any_model.processes import ParticipantError, environment
from backends_test.any_model.reduction import Candidate, Input, Node, Tree
from backends_test.any_model.run import BAD, ComparisonError, Options, Session, compare_in
from backends_test.any_model.verdicts import Row

TITLES = {"jax": "JAX", "torch": "PyTorch", "tensorflow": "TensorFlow"}
LINES = 15
# How long the search may take, and a single comparison or program in it.
SECONDS = 300.0
STEP_SECONDS = 60.0
# Which share of a number two backends must be apart, for a program to show it: plainly, or at least more than rounding.
PLAIN, LEAST = 1e-3, 3e-6
# The other backends must agree with one another this much better.
CLOSER = 0.1
# Stages that train.
LOSSES = ("loss", "gradients", "one step", "steps", "eager")
OPTIMIZERS = ("one step", "steps", "eager")
# A stage of one backend with itself -> what differs.
SELF_TITLES = {
    "compiled": "compiled than not compiled",
    "eager": "compiled than with run_eagerly=True",
    "rows": "for a batch than for its rows",
}
# What `found` is in the programs of the stages that need no training.
FOUND = {
    "build": ['found = [f"{w.name} {tuple(w.shape)} {w.dtype}" for w in model.weights]'],
    "weights": ["found = model.get_weights()"],
    "forward": ["found = [model({x}, training=False)]"],
    "training": ["found = [model({x}, training=True)]"],
    "states": ["model({x}, training=True)", "found = model.get_weights()"],
    "compiled": ["found = [model.predict_on_batch({x}), model({x}, training=False)]"],
    "rows": ["found = [model(x), keras.ops.concatenate([model(x[i : i + 1]) for i in range(len(x))])]"],
    "loss": ["found = [model.test_on_batch({x}, y)]"],
}
# How the numbers of a program are chosen, simplest first: weights, inputs, targets.
VALUES = (
    ("ones", "ones", "ones"),
    ("ones", "counted", "ones"),
    ("random", "ones", "ones"),
    ("random", "counted", "ones"),
    ("random", "random", "random"),
)


class ShrinkError(Exception):
    """A disagreement cannot be made small; the message says what was found, and why it stops there."""


class Shrunk(NamedTuple):
    """A disagreement, made small.

    Attributes:
        row: the disagreement in the model that was given.
        program: shows it by itself, under each backend.
        title: of an issue.
        observed: backend -> what the program prints or raises there.
        expected: what it should print.
        versions: backend -> package -> version.
        steps: how many models were compared on the way.
        notes: what a reader should know.
    """

    row: Row
    program: str
    title: str
    observed: dict[str, str]
    expected: str
    versions: dict[str, dict[str, str]]
    steps: int
    notes: list[str]

    @property
    def issue(self) -> str:
        """The text of an issue, in Markdown."""
        observed = "\n".join(f"| {TITLES.get(name, name)} | `{text}` |" for name, text in self.observed.items())
        versions = "\n".join(
            f"- {TITLES.get(name, name)}: {', '.join(f'{package} {number}' for package, number in packages.items())}"
            for name, packages in self.versions.items()
        )
        notes = "".join(f"\n{note}\n" for note in self.notes)
        return (
            f"# {self.title}\n\n"
            "The same program does not give the same result on every backend. Save it as `program.py` and run\n"
            "`KERAS_BACKEND=jax python program.py`, then the same with `torch` and `tensorflow`.\n\n"
            f"```python\n{self.program}```\n{notes}\n"
            f"## Expected\n\n{self.expected}\n\n"
            f"## Observed\n\n| backend | result |\n| --- | --- |\n{observed}\n\n"
            f"## Versions\n\n{versions}\n"
        )


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
    """
    tell("compare the whole model")
    comparison = compare_in(session, options, folder / "whole")
    target = next((row for row in comparison.rows if row.verdict in BAD), None)
    if target is None:
        return None
    search = _Search(session, options, folder, target, _failing(comparison.rows, target), tell, seconds)
    found = search.smallest(search.start())
    program, notes = search.program(found)
    path = folder / "program.py"
    path.write_text(program.text(), encoding="utf-8")
    tell("run the program by itself")
    observed = {backend: run_program(path, python, backend, options.device) for backend, python in interpreters.items()}
    if reduction.imports(found):
        observed, how = program.printed, "It imports your own code: keep it in the folder of that file."
        notes.append(how)
    elif not _still_shown(observed, target):
        notes.append("Run by itself, the program does not show the difference that it showed within the comparison.")
    if len(program.text().splitlines()) > LINES:
        notes.append(f"The program has more than {LINES} lines, because the model could not be made smaller.")
    return Shrunk(
        target,
        program.text(),
        _title(target, found, list(interpreters)),
        observed,
        program.expected,
        comparison.versions,
        search.steps,
        notes,
    )


def _failing(rows: Sequence[Row], target: Row) -> frozenset[str]:
    """Return the backends on which the model cannot be built, or the stage of the disagreement fails."""
    return frozenset(row.pair[0] for row in rows if row.stage in ("build", target.stage) and row.verdict == "fails")


def _kind_of(reason: str) -> str:
    return reason.partition(":")[0]


def run_program(path: Path, python: Path, backend: str, device: str) -> str:
    """Run a program by itself, and return the last line that it prints, or that of its exception."""
    settings = environment(backend, device)
    try:
        done = subprocess.run(
            [python, path.name], cwd=path.parent, env=settings, capture_output=True, text=True, timeout=STEP_SECONDS * 3
        )
    except subprocess.TimeoutExpired:
        return "no end within three minutes"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode == 0:
        return lines[-1] if lines else "no error"
    # A message of several lines begins with the type of the exception.
    first = next((line for line in reversed(lines) if line[:1].isalpha() and "Error" in line.partition(":")[0]), "")
    return (first or (lines or [f"exit status {done.returncode}"])[-1])[:200]


def _still_shown(observed: Mapping[str, str], target: Row) -> bool:
    if target.stage in SELF:
        return len(set(observed.get(target.pair[0], "").split())) > 1
    if target.pair[0] == target.pair[1]:
        return len(set(observed.values())) > 1
    return observed[target.pair[0]] != observed[target.pair[1]]


class Program(NamedTuple):
    """A program that shows a disagreement.

    Attributes:
        lines: all lines but the last one.
        last: prints what differs; "" if the program is to raise an exception.
        comment: says what is expected of it.
        expected: the same as a sentence.
        printed: backend -> what it printed or raised when it was tried.
    """

    lines: list[str]
    last: str
    comment: str
    expected: str
    printed: dict[str, str]

    def text(self) -> str:
        """The program."""
        last = f"{self.last}  # {self.comment}" if self.last else ""
        if len(last) > 120:
            last = f"# {self.comment}\n{self.last}"
        return "\n".join([*self.lines, *([last] if last else [])]) + "\n"


class _Search:
    """Looks for the smallest model that shows a disagreement.

    Args:
        session: the processes.
        options: how the model is compared.
        folder: has the comparison of the whole model in "whole".
        target: the disagreement.
        failing: the backends on which its stage fails.
        tell: is told what happens.
        seconds: how long the search may take.
    """

    def __init__(
        self,
        session: Session,
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
        self._runs = 0
        self._given = folder / "whole" / "given"
        able = [name for name in session.backends if (folder / "whole" / name / "float32").is_dir()]
        self.model = self._describe(able or session.backends)
        self.shapes: dict[int, Input] = {}

    # The models to begin with.

    def _describe(self, backends: Sequence[str]) -> dict[str, Any]:
        """Return what `reduction.describe` tells of the model."""
        task = self._task(self.options.model, self.folder / "whole")
        result = self.folder / "described.json"
        build = f"    return reduction.describe_given({task!r}, {str(result)!r})"
        errors = []
        for backend in backends:
            try:
                self._call(backend, f"describe_{backend}", build)
                described: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
                return described
            except ParticipantError as error:
                errors.append(str(error))
        raise self._stop(f"its layers cannot be read: {errors[0]}")

    def _task(self, model: str, folder: Path) -> dict[str, Any]:
        options = self.options
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
        """Call a function of `reduction` in the process of a backend, as if it built a model."""
        path = self.folder / f"{name}.py"
        lines = ["from backends_test.any_model import reduction", "", "", "def build():", body, ""]
        path.write_text("\n".join(lines), encoding="utf-8")
        task = self._task(f"{path}:build", self.folder / f"{name}.results") | {
            "inputs": "",
            "optimizer": "",
            "loss": "",
        }
        self.session.do(backend, task | {"stages": []}, STEP_SECONDS)

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
        pair = " and ".join(TITLES.get(name, name) for name in dict.fromkeys(row.pair))
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
        path = self._given / "calls-inference"
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
        arrays = read_structure(self._given / "inputs")
        flat = _leaves(arrays)
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
        self.results = self.folder / f"candidate_{self.steps}"
        try:
            rows = compare_in(self.session, options, self.results).rows
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
            and (row.verdict != "fails" or _kind_of(row.reason) == _kind_of(target.reason))
            # A layer alone has outputs and gradients; a program shows one or the other.
            and (target.stage != "layer alone" or _is_gradient(row) == _is_gradient(target))
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
            path = self._given / "calls-inference"
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

    # The program.

    def program(self, candidate: Candidate) -> tuple[Program, list[str]]:
        """Return the program with the simplest numbers that shows the disagreement, and notes.

        Raises:
            ShrinkError: no program shows it.
        """
        weak: Program | None = None
        seen: set[str] = set()
        for values in VALUES:
            lines = self._lines(candidate, values)
            if lines is None or "\n".join(lines) in seen:
                continue
            seen.add("\n".join(lines))
            share, program = self._try(lines)
            self.tell(
                f"a program with {', '.join(dict.fromkeys(values))}: {'shows' if program else 'does not show'} it"
            )
            if program and share >= PLAIN:
                return program, []
            weak = weak or program
        if weak:
            return weak, []
        model = "; ".join(reduction.write_model(candidate))
        why = f"the smallest model is `{model}`, but no program with simple numbers shows it"
        if self.target.layer in self.model["random"] and self.target.stage in ("training", *LOSSES):
            why = f"the smallest model is `{model}`; it draws random numbers, which differ between backends anyway"
        raise self._stop(why)

    def _lines(self, candidate: Candidate, values: tuple[str, str, str]) -> list[str] | None:
        stage, gradient = self.target.stage, _is_gradient(self.target)
        if gradient and (self.target.tensor.startswith("gradient of input") or not self.target.layer):
            changed = reduction.as_weights(candidate)
            if changed is None:
                return None
            rows = candidate.batch or reduction.BATCH
            shown, inputs = changed, [np.arange(rows)[:, None]]
        else:
            shown, inputs = candidate, _leaves(read_structure(self.results / "given" / "inputs"))
        weights = ArrayFile(self.results / "given" / "weights.npz")
        for_weights, for_inputs, for_targets = values
        lines = reduction.write_model(shown)
        if gradient:
            loss = "lambda y, out: keras.ops.sum(y * out)" if stage == "layer alone" else reduction.write(shown.loss)
            lines.append(f"model.compile(keras.optimizers.SGD(1.0), loss={loss})")
        elif stage != "eager":
            lines += reduction.write_compile(shown)
        if shown is not candidate or any("seed_generator_state" not in tensor.name for tensor in weights):
            made = "np.ones(w.shape)" if for_weights == "ones" else "rng.uniform(0, 1, w.shape)"
            lines.append(f"model.set_weights([{made} for w in model.weights])")
        names = ["x" if not i else f"x{i + 1}" for i in range(len(inputs))]
        ordered = for_inputs if shown is candidate else "counted"
        lines += [f"{name} = {_numbers(array, ordered)}" for name, array in zip(names, inputs, strict=True)]
        x = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        if stage in LOSSES or gradient:
            targets = _leaves(read_structure(self.results / "given" / "targets"))
            if len(targets) != 1:
                return None
            # Targets of ones are what weights of ones may give; a gradient alone needs ones.
            ordered = "zeros" if for_targets == "ones" and stage != "layer alone" else for_targets
            lines.append(f"y = {_numbers(targets[0], ordered)}")
        lines += self._found(shown, x, gradient)
        rng = ["rng = np.random.RandomState(0)"] if any("rng." in line for line in lines) else []
        numpy = ["import numpy as np"] if any("np." in line for line in [*rng, *lines]) else []
        return ["import keras", *numpy, *reduction.imports(shown), "", *rng, *lines]

    def _found(self, candidate: Candidate, x: str, gradient: bool) -> list[str]:
        stage, steps = self.target.stage, self.options.steps
        difference = "found = [new - old for new, old in zip(model.get_weights(), before)]"
        step = f"model.train_on_batch({x}, y)"
        if gradient:
            return ["before = model.get_weights()", step, difference]
        if stage in ("one step", "steps"):
            loop = [f"for _ in range({steps}):", f"    {step}"] if stage == "steps" else [step]
            return ["before = model.get_weights()", *loop, difference]
        if stage == "eager":
            compiled = reduction.write_compile(candidate, ", run_eagerly=eager")[0]
            taken = "found.append(np.concatenate([w.ravel() for w in model.get_weights()]))"
            body = ["model.set_weights(before)", compiled, step, taken]
            start = "found, before = [], model.get_weights()"
            return [start, "for eager in (False, True):", *(f"    {line}" for line in body)]
        training = "training" if self.target.tensor.endswith(", training") else "forward"
        return [line.replace("{x}", x) for line in FOUND.get(stage, FOUND[training])]

    def _try(self, lines: list[str]) -> tuple[float, Program | None]:
        """Run a program in the processes, and return the share by which the numbers differ, and the whole program."""
        self._runs += 1
        path = self.folder / f"program_{self._runs}.py"
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")

        def run(backend: str) -> Any:
            result = self.folder / f"program_{self._runs}_{backend}.json"
            body = f"    return reduction.run({str(path)!r}, {str(result)!r})"
            try:
                self._call(backend, f"run_{self._runs}_{backend}", body)
            except ParticipantError as error:
                return {"error": str(error)}
            return json.loads(result.read_text(encoding="utf-8"))

        with ThreadPoolExecutor(len(self.session.backends)) as pool:
            answers = dict(zip(self.session.backends, pool.map(run, self.session.backends), strict=True))
        if self.target.verdict == "fails":
            return self._failing_program(lines, answers)
        found = {name: answer["found"] for name, answer in answers.items() if "found" in answer}
        if self.target.stage in SELF:
            return self._own_program(lines, found)
        return self._different_program(lines, found)

    def _failing_program(self, lines: list[str], answers: Mapping[str, Any]) -> tuple[float, Program | None]:
        errors = {name: answer["error"] for name, answer in answers.items() if "error" in answer}
        kind = _kind_of(self.target.reason)
        if set(errors) != set(self.failing) or all(_kind_of(error) != kind for error in errors.values()):
            return 0.0, None
        others = [name for name in answers if name not in errors]
        comment = f"no error, as on {_list(others)}" if others else "no error"
        printed = {name: errors.get(name, "no error") for name in answers}
        return 1.0, Program([*lines[:-1], f"{lines[-1]}  # expected: {comment}"], "", comment, "No error.", printed)

    def _own_program(self, lines: list[str], found: Mapping[str, Any]) -> tuple[float, Program | None]:
        name = self.target.pair[0]
        if len(found.get(name, ())) != 2:
            return 0.0, None
        one, other = (np.array(part) for part in found[name])
        place, share = _farthest(one, other)
        if share < LEAST:
            return 0.0, None
        shown = ", ".join(f"{_item(lines, i)}.ravel()[{place}]" for i in range(2))
        printed = {
            backend: " ".join(str(np.float32(part[place])) for part in parts) for backend, parts in found.items()
        }
        return share, Program(
            lines, f"print({shown})", "twice the same number", "The same number twice, on every backend.", printed
        )

    def _different_program(self, lines: list[str], found: Mapping[str, Any]) -> tuple[float, Program | None]:
        one, other = self.target.pair
        if one == other or one not in found or other not in found or len(found[one]) != len(found[other]):
            return 0.0, None
        others = [name for name in found if name != self.target.off] if self.target.off else []
        best = (0.0, 0, 0)
        for i, (a, b) in enumerate(zip(found[one], found[other], strict=True)):
            if isinstance(a, str) or len(a) != len(b):
                best = max(best, (float(a != b), i, -1))
                continue
            place, share = _farthest(np.array(a), np.array(b))
            if all(
                _farthest(np.array([found[x][i][place]]), np.array([found[y][i][place]]))[1] <= CLOSER * share
                for x in others
                for y in others
                if len(found[x]) > i < len(found[y]) and len(found[x][i]) == len(found[y][i]) == len(a)
            ):
                best = max(best, (share, i, place))
        share, i, place = best
        if share < LEAST:
            return 0.0, None
        last = f"print({_item(lines, i)}.ravel()[{place}])"
        if place < 0:
            last = f"print(found[{i}])" if self.target.stage == "build" else f"print({_item(lines, i)}.shape)"
        printed = {
            name: str(parts[i] if place < 0 else np.float32(parts[i][place])) for name, parts in found.items() if parts
        }
        if not others:
            return share, Program(
                lines, last, "the same on every backend", "The same number on every backend.", printed
            )
        text = printed[others[0]] if place >= 0 or self.target.stage == "build" else "the shape"
        comment = f"expected: {text}, as on {_list(others)}"
        return share, Program(lines, last, comment, f"`{text}`, as on {_list(others)}.", printed)


def _is_gradient(row: Row) -> bool:
    return row.stage == "gradients" or (row.stage == "layer alone" and row.tensor.startswith("gradient"))


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


def _leaves(structure: Any) -> list[Array]:
    """Return the arrays of nested inputs, in the order of `keras.tree.flatten`."""
    if isinstance(structure, dict):
        return [leaf for name in sorted(structure) for leaf in _leaves(structure[name])]
    if isinstance(structure, list | tuple):
        return [leaf for part in structure for leaf in _leaves(part)]
    return [] if structure is None else [structure]


def _numbers(array: Array, how: str) -> str:
    """Return an array of the same shape and type as Python, with simple numbers."""
    shape, kind = array.shape, array.dtype.kind
    shown, size = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})", array.size
    if how == "zeros":
        return f'np.zeros({shown}, "{array.dtype.name}")'
    if kind == "b":
        return f"np.ones({shown}, bool)" if how == "ones" else f"rng.rand{shown} < 0.7"
    if kind in "iu":
        bound = int(array.max(initial=0)) + 1
        if how == "ones":
            return f'np.{"ones" if bound > 1 else "zeros"}({shown}, "int32")'
        if how == "counted":
            remainder = f" % {bound}" if bound < size else ""
            return f'np.arange({size}, dtype="int32").reshape{shown}{remainder}'
        return f"rng.randint(0, {bound}, {shown})"
    if how == "ones":
        return f'np.ones({shown}, "float32")'
    if how == "counted":
        return f'np.arange({size}, dtype="float32").reshape{shown}'
    if set(np.unique(array)) <= {0, 1}:
        return f'rng.randint(0, 2, {shown}).astype("float32")'
    return f'rng.uniform(-1, 1, {shown}).astype("float32")'


def _farthest(one: Array, other: Array) -> tuple[int, float]:
    """Return where two flat arrays differ most, and by which share of the numbers there."""
    if not one.size:
        return 0, 0.0
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        scale = np.maximum(np.abs(one), np.abs(other))
        # A number that is nearly zero is held against the largest one.
        floor = 1e-3 * np.where(np.isfinite(scale), scale, 0).max()
        share = np.where(one == other, 0, np.abs(one - other) / np.maximum(scale, max(floor, 1e-30)))
    share = np.where(np.isnan(one) & np.isnan(other), 0, np.where(np.isnan(share), np.inf, share))
    place = int(share.argmax())
    return place, float(share[place])


def _item(lines: Sequence[str], number: int) -> str:
    """Return an array of `found` as Python."""
    tensors = any(line.startswith("found = [model") for line in lines)
    return f"keras.ops.convert_to_numpy(found[{number}])" if tensors else f"found[{number}]"


def _list(names: Sequence[str]) -> str:
    return " and ".join(TITLES.get(name, name) for name in names)


def _title(row: Row, candidate: Candidate, backends: Sequence[str]) -> str:
    """Return the title of an issue: what disagrees, in one line."""
    layer = " and ".join(_short(node.layer) for node in candidate.nodes)
    other = [name for name in backends if name != row.off]
    than = f"on {_list([row.off])} than on {_list(other)}" if row.off else f"on {_list(row.pair)}"
    if row.verdict == "fails":
        return f"{layer} fails on {_list([row.off])}: {_kind_of(row.reason)}"
    if row.stage in SELF:
        return f"{layer} gives other numbers {SELF_TITLES[row.stage]}, on {_list(row.pair[:1])}"
    if _is_gradient(row):
        return f"{layer} has other gradients {than}"
    if row.stage == "loss":
        return f"{_short(candidate.loss)} has another value {than}"
    if row.stage in OPTIMIZERS:
        return f"{_short(candidate.optimizer)} changes the weights of {layer} differently {than}"
    what = {"build": "has other weights", "states": "updates its state differently"}.get(
        row.stage, "gives other numbers"
    )
    return f"{layer} {what}{' in training' if row.stage == 'training' else ''} {than}"


def _short(tree: Tree) -> str:
    return reduction.write(tree).replace("keras.layers.", "").replace("keras.optimizers.", "").replace("keras.", "")
