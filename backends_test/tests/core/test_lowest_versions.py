"""The lowest versions that are declared are the ones that `tox -e lowest,lowest-torch,lowest-tf` runs tests with."""

import configparser
import os
import tomllib
from importlib.metadata import version

import pytest
from packaging.specifiers import SpecifierSet

from backends_test.environments import ROOT

# The environments of tox: which lines of their settings are for each alone, and the extras of pyproject.toml in it.
ENVIRONMENTS = {
    "lowest": ("!torch-!tf", ("tfds", "jax")),
    "lowest-torch": ("torch", ("torch",)),
    "lowest-tf": ("tf", ("tensorflow",)),
}


def declared(environment: str) -> dict[str, str]:
    """Package → its lowest version, as in pyproject.toml. What an extra asks for stands above the rest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = list(project["dependencies"])
    for extra in ENVIRONMENTS[environment][1]:
        requirements += project["optional-dependencies"][extra]
    return dict(requirement.split(">=") for requirement in requirements)


def pinned(environment: str) -> dict[str, str]:
    """Package → the version that tox installs, as in tox.ini."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    pins = {}
    for line in tox["testenv:lowest{,-torch,-tf}"]["deps"].splitlines():
        condition, _, requirement = line.rpartition(": ")
        if "==" in requirement and condition in ("", ENVIRONMENTS[environment][0]):
            package, lowest = requirement.split("==")
            pins[package] = lowest
    return pins


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_tox_pins_the_lowest_versions_that_are_declared(environment: str) -> None:
    pins = pinned(environment)
    if "tensorflow-cpu" in pins:  # the same library without what a GPU needs
        pins["tensorflow"] = pins.pop("tensorflow-cpu")
    assert pins == declared(environment)


@pytest.mark.skipif(
    os.environ.get("TOX_ENV_NAME") not in ENVIRONMENTS, reason="only tox -e lowest installs the lowest versions"
)
def test_what_is_installed_here_is_what_is_pinned() -> None:
    pins = pinned(os.environ["TOX_ENV_NAME"])
    installed = {package: version(package) for package in pins}
    print(installed)
    assert [package for package in pins if installed[package] not in SpecifierSet(f"=={pins[package]}")] == []
