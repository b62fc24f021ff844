"""pyproject.toml, environment.yml and constraints.txt name the same things."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ibhelpers

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# What make installs: everything except the libraries we only measure against.
INSTALLED = ("course", "cluster", "test", "book")
DIRECT = [
    Requirement(line)
    for group in (PROJECT["dependencies"], *(EXTRAS[name] for name in INSTALLED))
    for line in group
]
# conda-forge has other names for these; the -base ones leave out a graphical toolkit.
CONDA_TO_PYPI = {"pytorch": "torch", "matplotlib-base": "matplotlib", "seaborn-base": "seaborn"}


def constraints() -> dict[str, str]:
    """The pinned version of every package, by its canonical name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [re.fullmatch(r"([\w.-]+)==([\w.!]+)", line) for line in lines if line[0] != "#"]
    assert None not in pins, "constraints.txt should hold only lines such as name==1.2.3"
    return {canonicalize_name(pin[1]): pin[2] for pin in pins}


def test_no_dependency_is_named_twice():
    names = [canonicalize_name(requirement.name) for requirement in DIRECT]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda requirement: requirement.name)
def test_every_dependency_is_pinned_to_a_version_it_allows(requirement):
    version = constraints().get(canonicalize_name(requirement.name))
    assert version is not None, "not in constraints.txt; `make constraints` renews it"
    assert requirement.specifier.contains(version)


def test_pytorch_is_the_version_tested():
    assert constraints()["torch"] == "2.13.0"


def test_conda_users_get_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == "inductive-bias"
    *conda, last = environment["dependencies"]
    *from_pip, course = last["pip"]
    assert course == "-e .", "Binder copies the repository in time only for the short form"

    found = {}
    for line in [*conda, *from_pip]:
        requirement = Requirement(line)
        name = CONDA_TO_PYPI.get(requirement.name, canonicalize_name(requirement.name))
        found[name] = str(requirement.specifier)
    assert found.pop("python") == PROJECT["requires-python"]
    assert found.pop("pip") == ""
    assert found == {
        canonicalize_name(requirement.name): str(requirement.specifier) for requirement in DIRECT
    }


def test_the_test_environment_has_no_competitors():
    direct = {canonicalize_name(requirement.name) for requirement in DIRECT}
    competitors = [Requirement(line) for line in EXTRAS["bench"]]
    for requirement in competitors:
        assert canonicalize_name(requirement.name) not in direct | constraints().keys()
        assert [specifier.operator for specifier in requirement.specifier] == ["=="]


def test_the_version_is_cited():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ibhelpers.__version__
    assert citation["license"] == PROJECT["license"]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_alone_says_what_there_is_to_do():
    said = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("quickstart", "test", "lab", "book", "bench", "clean"):
        assert f"make {target} " in said
