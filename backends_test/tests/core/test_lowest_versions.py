"""The lowest versions that are declared are those that `tox -e lowest,lowest-torch,lowest-tf` runs tests with."""

import os
import re
import tomllib
from importlib.metadata import version

import pytest
from packaging.specifiers import SpecifierSet

from backends_test.environments import ROOT

# The environments of tox -> the extras of pyproject.toml that are installed there.
ENVIRONMENTS = {
    "lowest": ("hub", "jax", "parquet", "tfds"),
    "lowest-torch": ("torch",),
    "lowest-tf": ("train",),
}


def declared(*extras: str) -> dict[str, str]:
    """Package -> its lowest version, as in pyproject.toml; of two, the higher one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = list(project["dependencies"])
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    if any(requirement == "imdb_rnn[train]" for requirement in requirements):
        requirements = project["optional-dependencies"]["train"] + requirements
    return dict(requirement.split(">=") for requirement in requirements if ">=" in requirement)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_requirement_has_a_lowest_version(environment: str) -> None:
    assert len(declared(*ENVIRONMENTS[environment])) > 10
    for package, lowest in declared(*ENVIRONMENTS[environment]).items():
        assert re.fullmatch(r"\d+(\.\d+)*", lowest), package


@pytest.mark.skipif(
    os.environ.get("TOX_ENV_NAME") not in ENVIRONMENTS, reason="only tox -e lowest installs the lowest versions"
)
def test_what_is_installed_here_is_the_lowest_that_is_declared() -> None:
    wanted = declared(*ENVIRONMENTS[os.environ["TOX_ENV_NAME"]])
    installed = {package: version(package) for package in wanted}
    print(installed)
    assert [package for package in wanted if installed[package] not in SpecifierSet(f"=={wanted[package]}.*")] == []
