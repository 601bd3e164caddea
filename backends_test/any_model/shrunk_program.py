"""Writes a program of a few lines that shows a disagreement, and the text to report it to Keras with."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backends_test.any_model import reduction
from backends_test.any_model.arrays import Array, ArrayFile
from backends_test.any_model.observation import SELF
from backends_test.any_model.participant import read_structure
from backends_test.any_model.processes import environment
from backends_test.any_model.reduction import Candidate, Tree
from backends_test.any_model.verdicts import Row

TITLES = {"jax": "JAX", "torch": "PyTorch", "tensorflow": "TensorFlow"}
# How long a program may take by itself.
SECONDS = 180.0
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


class ProgramWriter:
    """Writes the programs of a disagreement, and finds out which of them shows it.

    Args:
        target: the disagreement.
        failing: the backends on which its stage fails.
        steps: how many steps the stage "steps" takes.
        run: runs a program that sets a variable `found`; returns backend -> what `reduction.run` writes there.
        tell: is told what happens, in a few words.
    """

    def __init__(
        self,
        target: Row,
        failing: frozenset[str],
        steps: int,
        run: Callable[[str], Mapping[str, Any]],
        tell: Callable[[str], None],
    ) -> None:
        self.target, self.failing, self.steps = target, failing, steps
        self._run, self._tell = run, tell

    def simplest(self, candidate: Candidate, given: Path) -> Program | None:
        """Return the program with the simplest numbers that shows the disagreement.

        Args:
            candidate: the model of the program.
            given: the folder of what the model was given when it was compared.

        Returns:
            None if no program shows it.
        """
        weak: Program | None = None
        seen: set[str] = set()
        for values in VALUES:
            lines = self._lines(candidate, given, values)
            if lines is None or "\n".join(lines) in seen:
                continue
            seen.add("\n".join(lines))
            share, program = self._try(lines)
            self._tell(
                f"a program with {', '.join(dict.fromkeys(values))}: {'shows' if program else 'does not show'} it"
            )
            if program and share >= PLAIN:
                return program
            weak = weak or program
        return weak

    def _lines(self, candidate: Candidate, given: Path, values: tuple[str, str, str]) -> list[str] | None:
        stage, gradient = self.target.stage, is_gradient(self.target)
        if gradient and (self.target.tensor.startswith("gradient of input") or not self.target.layer):
            changed = reduction.as_weights(candidate)
            if changed is None:
                return None
            rows = candidate.batch or reduction.BATCH
            shown, inputs = changed, [np.arange(rows)[:, None]]
        else:
            shown, inputs = candidate, read_leaves(given / "inputs")
        weights = ArrayFile(given / "weights.npz")
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
            targets = read_leaves(given / "targets")
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
        stage, steps = self.target.stage, self.steps
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
        """Run a program on all backends, and return the share by which the numbers differ, and the whole program."""
        answers = self._run("\n".join([*lines, ""]))
        if self.target.verdict == "fails":
            return self._failing_program(lines, answers)
        found = {name: answer["found"] for name, answer in answers.items() if "found" in answer}
        if self.target.stage in SELF:
            return self._own_program(lines, found)
        return self._different_program(lines, found)

    def _failing_program(self, lines: list[str], answers: Mapping[str, Any]) -> tuple[float, Program | None]:
        errors = {name: answer["error"] for name, answer in answers.items() if "error" in answer}
        kind = error_type(self.target.reason)
        if set(errors) != set(self.failing) or all(error_type(error) != kind for error in errors.values()):
            return 0.0, None
        others = [name for name in answers if name not in errors]
        comment = f"no error, as on {titles(others)}" if others else "no error"
        printed = {name: errors.get(name, "no error") for name in answers}
        return 1.0, Program([*lines[:-1], f"{lines[-1]}  # expected: {comment}"], "", comment, "No error.", printed)

    def _own_program(self, lines: list[str], found: Mapping[str, Any]) -> tuple[float, Program | None]:
        name = self.target.pair[0]
        if len(found.get(name, ())) != 2:
            return 0.0, None
        one, other = (np.array(part) for part in found[name])
        place, share = farthest(one, other)
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
            place, share = farthest(np.array(a), np.array(b))
            if all(
                farthest(np.array([found[x][i][place]]), np.array([found[y][i][place]]))[1] <= CLOSER * share
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
        comment = f"expected: {text}, as on {titles(others)}"
        return share, Program(lines, last, comment, f"`{text}`, as on {titles(others)}.", printed)


def run_program(path: Path, python: Path, backend: str, device: str) -> str:
    """Run a program by itself.

    Args:
        path: the file.
        python: the interpreter of the backend.
        backend: the value of `KERAS_BACKEND`.
        device: "cpu" or "gpu".

    Returns:
        The last line that it prints, or that of its exception.
    """
    settings = environment(backend, device)
    try:
        done = subprocess.run(
            [python, path.name], cwd=path.parent, env=settings, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return "no end within three minutes"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode == 0:
        return lines[-1] if lines else "no error"
    # A message of several lines begins with the type of the exception.
    first = next((line for line in reversed(lines) if line[:1].isalpha() and "Error" in line.partition(":")[0]), "")
    return (first or (lines or [f"exit status {done.returncode}"])[-1])[:200]


def is_shown(observed: Mapping[str, str], target: Row) -> bool:
    """Return whether what a program has printed differs, as the disagreement does.

    Args:
        observed: backend -> what `run_program` has returned there.
        target: the disagreement.
    """
    if target.stage in SELF:
        return len(set(observed.get(target.pair[0], "").split())) > 1
    if target.pair[0] == target.pair[1]:
        return len(set(observed.values())) > 1
    return observed[target.pair[0]] != observed[target.pair[1]]


def is_gradient(row: Row) -> bool:
    """Return whether what differs is a gradient.

    Args:
        row: the disagreement.
    """
    return row.stage == "gradients" or (row.stage == "layer alone" and row.tensor.startswith("gradient"))


def error_type(reason: str) -> str:
    """Return the type of an exception.

    Args:
        reason: its type and its message, as `errors.one_line` tells them.
    """
    return reason.partition(":")[0]


def read_leaves(path: Path) -> list[Array]:
    """Return the arrays of nested inputs or targets, in the order of `keras.tree.flatten`.

    Args:
        path: the file, as for `participant.read_structure`.
    """
    return _leaves(read_structure(path))


def _leaves(structure: Any) -> list[Array]:
    """Return the arrays of a nested structure."""
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


def farthest(one: Array, other: Array) -> tuple[int, float]:
    """Return where two arrays differ most, and by which share of the numbers there.

    Args:
        one: a flat array.
        other: another one, of the same size.
    """
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


def titles(backends: Sequence[str]) -> str:
    """Return the titles of backends, joined by "and".

    Args:
        backends: the values of `KERAS_BACKEND`.
    """
    return " and ".join(TITLES.get(name, name) for name in backends)


def title_of(row: Row, candidate: Candidate, backends: Sequence[str]) -> str:
    """Return the title of an issue: what disagrees, in one line.

    Args:
        row: the disagreement.
        candidate: the smallest model that shows it.
        backends: all backends that were compared.
    """
    layer = " and ".join(_short(node.layer) for node in candidate.nodes)
    other = [name for name in backends if name != row.off]
    than = f"on {titles([row.off])} than on {titles(other)}" if row.off else f"on {titles(row.pair)}"
    if row.verdict == "fails":
        return f"{layer} fails on {titles([row.off])}: {error_type(row.reason)}"
    if row.stage in SELF:
        return f"{layer} gives other numbers {SELF_TITLES[row.stage]}, on {titles(row.pair[:1])}"
    if is_gradient(row):
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
