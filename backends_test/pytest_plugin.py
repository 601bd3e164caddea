"""A plugin of pytest: asserts that a Keras model gives the same numbers on every backend.

    def test_model(assert_backends_agree):
        assert_backends_agree(build_model)

    pytest --keras-model=my_package.models:build_model

The backends run in processes of their own, which all tests of a session share.
"""

import inspect
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

from backends_test.any_model.environments import Environment, Missing, find
from backends_test.any_model.run import BACKENDS, BAD, Comparison, ComparisonError, Options, Session, compare_in
from backends_test.any_model.verdicts import Row

# How many rows an assertion shows.
ROWS = 5
SESSION = pytest.StashKey["Processes"]()


class AssertBackendsAgree(Protocol):
    """What the fixture `assert_backends_agree` returns."""

    def __call__(self, build_model: Callable[[], Any] | str, **options: Any) -> None:
        """Compare a model on all backends.

        Args:
            build_model: a function of a module that returns a new model; or a model as text: `package.module:function`,
                `file.py:function`, or a `.keras` file.
            **options: see `backends_test.any_model.run.Options`: `inputs`, `optimizer`, `loss`, `steps`, `stages`,
                `trust`, `device`, `seconds`.

        Raises:
            AssertionError: the backends do not agree.
            ComparisonError: no backend could build the model.
            TypeError: an option is not known.
            ValueError: the function cannot be imported by another process.
        """


class Processes:
    """The processes of the backends, started for the first comparison and ended with the session of pytest.

    Args:
        folder: where logs and results lie, made when it is needed.
    """

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._found: dict[str, Environment | Missing] | None = None
        self._sessions: dict[str, Session] = {}
        self._count = 0

    def compare(self, model: str, **options: Any) -> Comparison:
        """Compare a model, or skip the test if there are fewer than two backends."""
        asked = Options(model, **options)
        if self._found is None:
            self._found = find(BACKENDS)
        interpreters = {name: one.python for name, one in self._found.items() if isinstance(one, Environment)}
        if len(interpreters) < 2:
            missing = [one.message for one in self._found.values() if isinstance(one, Missing)]
            pytest.skip(f"A comparison needs two backends. {' '.join(missing)}")
        if asked.device not in self._sessions:
            self._sessions[asked.device] = Session(interpreters, self._folder() / asked.device, asked.device)
        self._count += 1
        results = self._folder() / f"comparison {self._count}"
        try:
            return compare_in(self._sessions[asked.device], asked, results)
        finally:
            # What a backend has computed may be large, and pytest keeps its folders.
            shutil.rmtree(results, ignore_errors=True)

    def close(self) -> None:
        """End the processes."""
        for session in self._sessions.values():
            session.__exit__()
        self._sessions.clear()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--keras-model`."""
    parser.getgroup("backends-test").addoption(
        "--keras-model",
        action="append",
        default=[],
        metavar="MODULE:FUNCTION",
        help="test that the model of this function agrees on all backends, also without a test file; repeatable. "
        "FILE.py:FUNCTION and FILE.keras are possible as well",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep the processes for the session, which starts none of them yet."""
    config.stash[SESSION] = Processes(lambda: _folder(config))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the processes."""
    if SESSION in config.stash:
        config.stash[SESSION].close()


def _folder(config: pytest.Config) -> Path:
    # A private attribute, but the fixture `tmp_path_factory` cannot be asked for by an item without a function.
    factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]
    folder = factory.getbasetemp() / "backends-test"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def _processes(request: pytest.FixtureRequest) -> Processes:
    return request.config.stash[SESSION]


@pytest.fixture
def assert_backends_agree(_processes: Processes) -> AssertBackendsAgree:
    """A function that compares a model on all backends, and raises an AssertionError if they do not agree.

    It is skipped, with the command that installs what is missing, if there are fewer than two backends.
    """

    def check(build_model: Callable[[], Any] | str, **options: Any) -> None:
        __tracebackhide__ = True
        model = build_model if isinstance(build_model, str) else source_of(build_model)
        comparison = _processes.compare(model, **options)
        if not comparison.agree:
            raise AssertionError(explain(comparison))

    return check


def source_of(function: Callable[[], Any]) -> str:
    """Return how another process finds a function.

    Args:
        function: a function of a module.

    Returns:
        `file.py:function`.

    Raises:
        ValueError: it has no name in a file, for example a lambda or a function inside another one.
    """
    name = getattr(function, "__qualname__", "")
    try:
        file = inspect.getsourcefile(function)
    except TypeError:
        file = None
    if not file or not all(part.isidentifier() for part in name.split(".")):
        msg = (
            f"Bad model. Expected: a function of a module, which the process of each backend can import. Received: "
            f"{name or function!r}. Move it out of the function that it is in, or name it as package.module:function."
        )
        raise ValueError(msg)
    module = sys.modules.get(function.__module__)
    if module is not None and _has_name(module, Path(file).absolute()):
        return f"{function.__module__}:{name}"
    return f"{Path(file).absolute()}:{name}"


def _has_name(module: ModuleType, file: Path) -> bool:
    """Whether another process finds a module by its name: one in a package that is installed or in this folder.

    Such a module may import others relatively, which its file alone cannot. The processes have only a part of this
    package.
    """
    package = (module.__package__ or "").partition(".")[0]
    if not package or package == __package__:
        return False
    installed = [Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")]
    return any(file.is_relative_to(folder / package) for folder in (*installed, Path.cwd()))


def explain(comparison: Comparison) -> str:
    """Return the first disagreement in a sentence, and the rows with the largest differences."""
    bad = [row for row in comparison.rows if row.verdict in BAD]
    first = bad[0]
    what = f"{first.tensor or 'everything'} of {first.layer}" if first.layer else first.tensor or "everything"
    if first.verdict == "fails":
        lines = [f"The backends do not agree: on {first.off}, the stage {first.stage!r} fails: {first.reason}"]
    elif first.pair[0] == first.pair[1]:
        text = f"{first.pair[0]} does not agree with itself: {what} at the stage {first.stage!r}. {first.reason}"
        lines = [text.strip()]
    else:
        off = f" {first.off} is off." if first.off else ""
        lines = [
            f"The backends do not agree: {what} at the stage {first.stage!r} differs between "
            f"{' and '.join(first.pair)} by {_number(first.difference)}, where rounding explains "
            f"{_number(first.noise)}.{off}"
        ]
    lines += [f"The worst of {len(bad)} differences:"] if len(bad) > ROWS else ["All differences:"]
    lines += [_line(row) for row in sorted(bad, key=_badness)[:ROWS]]
    return "\n".join([*lines, *comparison.notes])


def _badness(row: Row) -> tuple[bool, float]:
    """Return what rows are sorted by: failures first, then the largest difference relative to the noise."""
    return row.verdict != "fails", -(row.difference or 0.0) / max(row.noise or 0.0, 1e-30)


def _line(row: Row) -> str:
    pair = " - ".join(dict.fromkeys(row.pair))
    numbers = f"{_number(row.difference)} (rounding {_number(row.noise)})" if row.difference is not None else row.reason
    return "  " + ", ".join(part for part in (row.stage, row.layer, row.tensor, pair, row.verdict, numbers) if part)


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"


class ModelItem(pytest.Item):
    """A test of one model that `--keras-model` names."""

    def runtest(self) -> None:
        """Compare the model."""
        comparison = self.config.stash[SESSION].compare(self.name)
        if not comparison.agree:
            raise AssertionError(explain(comparison))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the message without a traceback, which would be this plugin's own."""
        if isinstance(excinfo.value, AssertionError | ComparisonError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return what the report calls it."""
        return self.config.rootpath, None, f"--keras-model={self.name}"


class Models(pytest.Collector):
    """The models that `--keras-model` names."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield an item per model."""
        for name in self.config.getoption("--keras-model"):
            yield ModelItem.from_parent(self, name=name)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Do without test files if only models are asked for."""
    config = session.config
    # The folder that pytest looks for tests in when nothing is named would bring all of the project's tests.
    if config.getoption("--keras-model") and config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args = []


# Before the hooks that select items, so that -k and the like work for models too.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the models."""
    if session.config.getoption("--keras-model"):
        models = Models.from_parent(session, name="keras models", nodeid="keras-models")
        report = session.ihook.pytest_make_collect_report(collector=models)
        # Tells pytest's own report how many items there are.
        session.ihook.pytest_collectreport(report=report)
        items += report.result
