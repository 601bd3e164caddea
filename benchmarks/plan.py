"""How much a run measures, and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.configurations import Configuration
from benchmarks.store import MeasurementKind

# Batches of 64 in an epoch of 20,000 reviews.
EPOCH_BATCHES = 313
SEED = 20


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        fast: whether this is the smaller plan, whose results are rough; every page says so.
        rounds: processes per configuration.
        batches: batches of the timed epoch: all 313, or fewer, from which an epoch is extrapolated.
        calls: predictions of a single review per process.
        whole_runs: number of runs from a cold process to a saved model, each with another seed; 0 for none.
        epochs: epochs of a whole run.
        scaling: whether larger batches, lengths, units and corpora are timed; "batches" only batches.
    """

    fast: bool
    rounds: int
    batches: int
    calls: int
    whole_runs: int
    epochs: int
    scaling: Literal["batches"] | bool


FULL = Plan(fast=False, rounds=7, batches=EPOCH_BATCHES, calls=150, whole_runs=5, epochs=3, scaling=True)
FAST = Plan(fast=True, rounds=3, batches=32, calls=50, whole_runs=0, epochs=0, scaling=False)
# A GPU is borrowed, often for minutes: one round is a result, the second shows how far it can be trusted.
FAST_GPU = Plan(fast=True, rounds=2, batches=32, calls=20, whole_runs=0, epochs=0, scaling="batches")


class Job(NamedTuple):
    """One process to run.

    Attributes:
        round: counted from 1; 0 for checks.
        kind: the kind of measurement.
        configuration: the name of the configuration.
    """

    round: int
    kind: MeasurementKind
    configuration: str


def jobs_of(plan: Plan, configurations: list[Configuration], with_data: bool) -> Iterator[Job]:
    """Yield the jobs of every round, each round in a random order of its own.

    The first rounds hold the whole runs, one seed per round. The scaling of a configuration is timed in one round; if
    only batches grow, in the first one, because that run may be stopped.

    Args:
        plan: how much is measured.
        configurations: the configurations.
        with_data: whether the IMDB reviews are on this machine, which whole runs need.
    """
    random = np.random.default_rng(SEED)
    scaled = [one.name for one in configurations if one.scales and plan.scaling]
    for number in range(1, plan.rounds + 1):
        jobs = [Job(number, "steady", one.name) for one in configurations]
        if with_data and number <= plan.whole_runs:
            jobs += [Job(number, "whole", one.name) for one in configurations if one.whole_run]
        apart = 1 if plan.scaling == "batches" else plan.rounds
        jobs += [Job(number, "scaling", name) for name in scaled[number - 1 :: apart] if number <= apart]
        yield from (jobs[i] for i in random.permutation(len(jobs)))
