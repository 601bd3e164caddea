"""Invented reports, in the form of `benchmarks.summary`: plausible numbers, the same each time, none measured."""

import copy
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FLOPS, BYTES = 9_810_000, 3_870_000
STEPS, REVIEWS = 313, 20_000
TUTORIAL, LIBRARY = "Keras as in the tutorial: fit on arrays", "Keras as this library trains"


@dataclass(frozen=True)
class Made:
    """An invented configuration: seconds of an epoch, the first step, one review and a whole run."""

    name: str
    description: str
    epoch: float
    first_step: float
    latency: float
    whole: float | None = None

    @property
    def framework(self) -> str:
        """The part of the name before the first hyphen."""
        return self.name.partition("-")[0]

    @property
    def cores(self) -> str:
        """As in `Configuration.cores`."""
        return "all" if self.name.endswith("all-cores") else "busy" if self.name.endswith("busy") else "one"

    @property
    def kind(self) -> str:
        """Whether it trains with Keras."""
        return "variant" if self.description.startswith(("Keras", "the same")) else "baseline"


USERS = (
    Made("torch-tutorial-all-cores", TUTORIAL, 8.8, 0.12, 2.3e-2, 36.0),
    Made("torch-all-cores", LIBRARY, 9.0, 0.12, 2.2e-2, 33.0),
    Made("torch-tutorial-busy", f"{TUTORIAL}; beside one busy process per core", 19.0, 0.3, 5e-2),
    Made("torch-busy", f"{LIBRARY}; beside one busy process per core", 18.5, 0.3, 5e-2, 70.0),
)
PINNED = (
    Made("jax-tutorial", TUTORIAL, 0.55, 1.34, 5.3e-4, 11.3),
    Made("jax-library", LIBRARY, 0.54, 1.27, 4.9e-4, 8.3),
    Made("jax-library-again", "the same again: the difference is noise", 0.545, 1.29, 4.9e-4),
    Made("jax-step", "hand-written in JAX, one step per compiled call", 0.36, 0.87, 3.8e-5),
    Made("jax-epoch", "hand-written in JAX, an epoch per compiled call", 0.32, 0.91, 3.7e-5, 5.2),
    Made("torch-tutorial", TUTORIAL, 9.0, 0.13, 2.4e-2, 38.0),
    Made("torch-library", LIBRARY, 9.2, 0.128, 2.3e-2, 35.0),
    Made("torch-unrolled", "Keras, unrolled", 5.5, 0.125, 2.0e-2),
    Made("torch-idiomatic", "hand-written in PyTorch, as documented", 1.3, 0.0071, 4.2e-4),
    Made("torch-tuned", "hand-written in PyTorch, tuned", 1.04, 0.0079, 4.0e-4, 6.5),
    Made("tensorflow-tutorial", f"{TUTORIAL}; its Adam computes another formula", 2.6, 0.99, 5.2e-2, 18.8),
    Made("tensorflow-library", LIBRARY, 2.5, 0.86, 5.0e-2, 15.4),
    Made("tensorflow-compiled", "Keras, XLA, 32 steps per call", 0.7, 3.44, 4.7e-2),
    Made("numpy", "hand-written in NumPy", 0.58, 2.0e-3, 3.1e-4),
    Made("c", "hand-written in C, one core", 0.075, 4.7e-4, 7.5e-6, 1.6),
)
CPU = (*USERS, *PINNED)
GPU = tuple(
    Made(
        one.name + suffix,
        one.description + ending,
        one.epoch * share,
        one.first_step * 1.4,
        one.latency * 1.6,
        one.whole,
    )
    for one in PINNED
    if one.framework not in ("numpy", "c")
    for suffix, ending, share in (("", "", 0.8), ("-tf32", ", TensorFloat-32 on", 0.74))
    if not (suffix and one.name.endswith("again"))
)


def cpu() -> dict[str, Any]:
    """A full run on a CPU."""
    return _report(CPU)


def fast() -> dict[str, Any]:
    """A fast run: no whole runs, no scaling, extrapolated epochs."""
    report = _report(CPU)
    report["plan"] |= {"fast": True, "rounds": 3, "batches": 40, "calls": 50, "seconds": 0.3}
    report["plan"] |= {"whole_runs": 0, "epochs": 0, "scaling": False}
    for row in report["rows"]:
        row |= {"rounds": 3, "whole": None, "to_080": None, "curves": None, "scaling": None}
        row["drift"] = [one for one in row["drift"] if one["round"] <= 3]
    return report


def gpu() -> dict[str, Any]:
    """A full run on a GPU, whose limit was not measured."""
    report = _report(GPU)
    report |= {
        "device": {"kind": "gpu", "name": "NVIDIA H200"},
        "limit": {"epoch": 0.0, "terms": {}, "work": report["limit"]["work"]},
    }
    report["machine"] = dict.fromkeys(report["machine"]) | {"method": "not measured on a GPU"}
    for row in report["rows"]:
        row["to_limit"] = None
        row["memory"] |= {"allocator": 2.1e8, "driver": 1.9e9}
        row["path"]["device"] = "cuda:0"
    return report


def refused() -> dict[str, Any]:
    """A full run in which the C loop computed another model and was not timed."""
    report = _report(CPU)
    kept = (
        "name",
        "framework",
        "backend",
        "kind",
        "description",
        "cores",
        "expected_same_model",
        "tolerance",
        "path",
        "rounds",
    )
    row = report["rows"][-1]
    report["rows"][-1] = {key: row[key] for key in kept} | {"same_model": False, "difference": 9e-3}
    return report


def without_compiler() -> dict[str, Any]:
    """A full run without a C compiler: no C loop, and a limit without the chain."""
    report = _report([one for one in CPU if one.name != "c"])
    report["left_out"] = {"c": "there is no C compiler here"}
    report["machine"] |= {"recurrence_latency": None, "method": "NumPy, approximately, because: no C compiler"}
    del report["limit"]["terms"]["chain"]
    return report


def _report(chosen: tuple[Made, ...] | list[Made]) -> dict[str, Any]:
    positions = _positions([one.name for one in chosen])
    by_name = {one.name: one for one in chosen}
    return copy.deepcopy(
        {
            "schema": 5,
            "plan": {
                "fast": False,
                "rounds": 7,
                "batches": STEPS,
                "calls": 150,
                "seconds": 1.0,
                "whole_runs": 5,
                "epochs": 3,
                "scaling": True,
            },
            "device": {"kind": "cpu", "name": "Intel(R) Xeon(R) Processor"},
            "processor": "Intel(R) Xeon(R) Processor",
            "cores": 2,
            "host_memory": 25e9,
            "system": "Linux",
            "date": "2026-11-24",
            "node": "a1b2c3d4e5f6",
            "data": {"source": "imdb", "fingerprint": "0123456789abcdef" * 4},
            "machine": {
                "peak_flops": 2.3e11,
                "copy_bandwidth": 2.5e10,
                "cache_bandwidth": 9.9e10,
                "recurrence_latency": 2.5e-8,
                "method": "C, one thread; gcc 12.2.0",
            },
            "limit": {
                "epoch": 0.0131,
                "terms": {"arithmetic": 0.0131, "memory": 0.0122, "chain": 0.0016},
                "work": {"flops": FLOPS, "bytes": BYTES, "chain": 200},
            },
            "control": {"pair": ["jax-library", "jax-library-again"], "ratio": 1.0, "low": 0.98, "high": 1.02},
            "noise_floor": 0.02,
            "left_out": {},
            "rows": [_row(one, by_name, positions) for one in chosen],
        }
    )


def _positions(names: list[str]) -> dict[str, list[int]]:
    """Name -> positions of its seven processes in random order."""
    chance = random.Random(20)  # noqa: S311 (not for cryptography)
    order = [name for _ in range(7) for name in chance.sample(names, len(names))]
    return {name: [place for place, other in enumerate(order) if other == name] for name in names}


def _row(one: Made, by_name: dict[str, Made], positions: dict[str, list[int]]) -> dict[str, Any]:
    chance = random.Random(one.name)  # noqa: S311 (as above)
    step = one.epoch / STEPS
    same = one.name.removesuffix("-tf32") != "tensorflow-tutorial"
    return {
        "name": one.name,
        "framework": one.framework,
        "backend": one.framework if one.framework in ("torch", "tensorflow") else "jax",
        "kind": one.kind,
        "description": one.description,
        "cores": one.cores,
        "same_model": same,
        "expected_same_model": same,
        "difference": 1.3e-6 if same else 9e-3,
        "tolerance": 1.7e-5,
        "path": _path(one),
        "rounds": 7,
        "import": _spread(0.12 if one.framework in ("numpy", "c") else 3.1),
        "data": _spread(0.5),
        "build": _spread(0.14),
        "first_step": _spread(one.first_step),
        "epoch": _spread(one.epoch),
        "epoch_with_pipeline": _spread(1.04 * one.epoch),
        "step": {"median": step, "low": 0.97 * step, "high": 1.05 * step, "p95": 1.2 * step},
        "reviews_per_second": REVIEWS / one.epoch,
        "flops_per_second": FLOPS / step,
        "bytes_per_second": BYTES / step,
        **_ratios(one, by_name),
        "to_limit": one.epoch / 0.0131,
        "memory": {"host": 4.3e8 if one.framework in ("numpy", "c") else 6.4e8, "allocator": None, "driver": None},
        "latency": {"p50": one.latency, "p99": 1.7 * one.latency, "calls": 1050},
        "throughput": [
            {"batch": batch, "reviews_per_second": batch / (one.latency + batch * one.epoch / REVIEWS / 3)}
            for batch in (1, 8, 64, 512, 4096)
        ],
        **_whole(one, chance),
        "drift": [
            {
                "position": place,
                "round": number,
                "seconds": one.epoch * chance.gauss(1, 0.02) * (1 + 0.03 * math.sin(place / 18)),
            }
            for number, place in enumerate(positions[one.name], 1)
        ],
        "scaling": _scaling(step),
    }


def _path(one: Made) -> dict[str, str]:
    versions = "python 3.11.7, keras 3.15.0, numpy 2.3.4, jax 0.8.1, jaxlib 0.8.1, torch 2.13.0+cpu, tensorflow 2.21.0"
    kernel = "cuDNN not used: SimpleRNN has none" if one.kind == "variant" else "written out"
    return {"device": "cpu", "jit_compile": str("jax" in one.name), "kernel": kernel, "versions": versions}


def _ratios(one: Made, by_name: dict[str, Made]) -> dict[str, Any]:
    conditions = {"one": "", "all": "-all-cores", "busy": "-busy"}[one.cores]
    tutorial = by_name.get(f"{one.framework}-tutorial{conditions}")
    loop = {"jax": "jax-epoch", "torch": "torch-tuned"}.get(one.framework, "") if one.cores == "one" else ""
    alone = by_name[one.name.replace("-busy", "-all-cores")] if one.cores == "busy" else None
    return {
        "to_alone": _ratio(one.epoch / alone.epoch) if alone else None,
        "to_tutorial": _ratio(one.epoch / tutorial.epoch) if tutorial and tutorial != one else None,
        "to_loop": _ratio(one.epoch / by_name[loop].epoch) if loop and loop != one.name else None,
    }


def _whole(one: Made, chance: random.Random) -> dict[str, Any]:
    if one.whole is None:
        return {"whole": None, "to_080": None, "curves": None}
    loop = one.kind == "baseline"
    before = min(3.6, one.whole / 2)
    spent = (one.whole - before) / 3
    curves = [
        [
            {
                "seconds": before + (epoch + 1) * spent * chance.gauss(1, 0.02),
                "accuracy": level + chance.gauss(0, 0.008),
            }
            for epoch, level in enumerate((0.71, 0.79, 0.825))
        ]
        for _ in range(5)
    ]
    phases = {"import": 0.85 * before, "data": 0.15 * before, "training": 3 * spent - 0.1}
    return {
        "whole": {
            "runs": 5,
            "seconds": _spread(one.whole),
            "phases": phases if loop else phases | {"saving": 0.1},
            "shell": None if loop else _spread(3.4),
        },
        "to_080": {"reached": 4, "runs": 5, "seconds": _spread(0.9 * one.whole)},
        "curves": curves,
    }


def _scaling(step: float) -> dict[str, list[dict[str, float]]]:
    def curve(values: tuple[int, ...], usual: int, fixed: float) -> Iterator[dict[str, float]]:
        for value in values:
            seconds = step * (fixed + (1 - fixed) * value / usual)
            batch = value if usual == 64 else 64
            yield {"value": value, "seconds": seconds, "reviews_per_second": batch / seconds}

    return {
        "batch": list(curve((16, 64, 256, 1024), 64, 0.6)),
        "length": list(curve((50, 100, 200, 400), 100, 0.2)),
        "units": list(curve((8, 32, 128), 8, 0.9)),
        "reviews": [
            {"value": n, "seconds": step * n / 64, "reviews_per_second": 64 / step} for n in (5000, 10000, 20000, 25000)
        ],
    }


def _spread(middle: float) -> dict[str, float]:
    return {"median": middle, "low": 0.97 * middle, "high": 1.06 * middle}


def _ratio(middle: float) -> dict[str, float]:
    return {"ratio": middle, "low": 0.97 * middle, "high": 1.04 * middle}
