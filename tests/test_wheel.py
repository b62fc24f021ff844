"""The wheel: it is built, and what it holds runs off the clone's path, in an empty folder."""

import email
import os
import subprocess
import sys
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import nbformat
import package_page
import pytest
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def build(folder: Path, repository: str = "") -> Path:
    """Build the wheel with what is installed here, without a network."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", folder, ROOT]
    environment = os.environ | {"REPOSITORY_URL": repository}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(tmp_path_factory.mktemp("wheel"))


def with_what_they_need(names: set[str]) -> set[str]:
    """Distributions, and all that they require without extras, by their canonical names."""
    found: set[str] = set()
    while names:
        found |= names
        needed = set()
        for name in names:
            for line in distribution(name).requires or []:
                requirement = Requirement(line)
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    needed.add(canonicalize_name(requirement.name))
        names = needed - found
    return found


def not_there_without_extras(wheel: Path) -> list[str]:
    """Modules that are here, and not in an environment in which only the wheel was installed."""
    required = [Requirement(line) for line in metadata(wheel).get_all("Requires-Dist")]
    base = {
        canonicalize_name(requirement.name)
        for requirement in required
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }
    there = with_what_they_need(base)
    return [
        module
        for module, owners in packages_distributions().items()
        if not there & {canonicalize_name(owner) for owner in owners}
        and module not in ("ibhelpers", "ibhelpers_check", "pip")
    ]


# Python imports this by itself when it starts.
AS_IF_NOT_INSTALLED = """
import sys

class Absent:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent)
"""


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run Python in an empty folder, with the wheel, what it requires, and no way to the clone."""
    site, empty = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("empty")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", site, wheel], check=True, capture_output=True)
    bare = tmp_path_factory.mktemp("bare")
    absent = set(not_there_without_extras(wheel))
    (bare / "sitecustomize.py").write_text(AS_IF_NOT_INSTALLED.format(absent=absent))

    def run(*arguments: str, extras: bool = False) -> str:
        path = [str(site)] if extras else [str(bare), str(site)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path)}
        environment["IBHELPERS_DATA"] = str(empty / "cache")
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=empty, env=environment, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert list(empty.iterdir()) == []  # leaves nothing behind
        return done.stdout

    run.site = site
    return run


def test_the_data_that_ship_are_loaded(installed):
    printed = installed(
        "-c",
        "import ibhelpers as ib\n"
        "print(ib.__file__)\n"
        "for name in ('mnist', 'cifar10'): print(ib.tasks.load(name, n_train=20, n_test=10))",
    )
    where, mnist, cifar10 = printed.splitlines()
    assert Path(where).is_relative_to(installed.site)
    assert mnist.startswith("Task('mnist': 20 training") and "3072 inputs" in cifar10


def test_the_quickstart(installed):
    exact = "2170.0 bits at target error 0.01 (exact)"
    assert exact in (ROOT / "README.md").read_text(encoding="utf-8")
    assert exact in installed("-m", "ibhelpers", "quickstart")


def test_the_check_of_the_installation(installed):
    printed = installed("-m", "ibhelpers_check", extras=True)
    assert f"at {installed.site / 'ibhelpers'}" in printed
    assert "[FAIL]" not in printed


def test_these_tests_see_no_more_than_what_the_wheel_requires(installed):
    """Or the ones above would pass by what the test environment has besides."""
    look = "try: import {0}\nexcept ModuleNotFoundError: print('absent')\nelse: print('there')"
    assert installed("-c", look.format("pytest")).strip() == "absent"
    assert installed("-c", look.format("scipy")).strip() == "there"


def test_an_editable_installation_copies_nothing(tmp_path):
    """A copy of the data or of the check would be an old one some day."""
    code = "import sys, hatchling.build; hatchling.build.build_editable(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=True)
    (built,) = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(built).namelist() if ".dist-info/" not in name]
    assert names == ["_ibhelpers.pth"]
    paths = zipfile.ZipFile(built).read("_ibhelpers.pth").decode().splitlines()
    assert [Path(path) for path in paths] == [ROOT, ROOT / "scripts"]


def test_nothing_is_missing_and_nothing_else_is_in_it(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", "ibhelpers", "data"], cwd=ROOT, capture_output=True, text=True
    )
    if tracked.returncode:
        pytest.skip("not a clone: git does not say which files belong to the package")
    expected = {
        name.replace("data/", "ibhelpers/data/", 1) if name.startswith("data/") else name
        for name in tracked.stdout.splitlines()
    }
    assert names == expected | {"ibhelpers_check.py"}


def metadata(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def targets(markdown: str) -> list[str]:
    return [link["target"] for link in package_page.LINK.finditer(markdown)]


def test_the_package_page_without_an_address_has_no_link_that_leads_nowhere(wheel):
    page = metadata(wheel)
    text = page.get_payload()
    assert targets(text) and all("://" in target for target in targets(text))
    assert "*Left: a histogram" in text  # the picture, in words
    assert page.get_all("Project-URL") == [f"Paper, {package_page.PAPER}"]


def test_the_package_page_of_a_repository(tmp_path):
    page = metadata(build(tmp_path, "https://example.org/course"))
    text = page.get_payload()
    assert "(https://example.org/course/raw/HEAD/book/_static/law_of_the_loss.png)" in text
    assert "(https://example.org/course/blob/HEAD/CONTRIBUTING.md)" in text
    assert all("://" in target for target in targets(text))
    assert "Repository, https://example.org/course" in page.get_all("Project-URL")


@pytest.mark.long
@pytest.mark.parametrize("chapter", ["00_start_here", "03_the_law_of_the_loss", "04_exact_tails"])
def test_chapters_run_from_a_foreign_folder(installed, tmp_path, chapter):
    notebook = nbformat.read(ROOT / "notebooks" / f"{chapter}.ipynb", as_version=4)
    where = nbformat.v4.new_code_cell("import ibhelpers\nprint(ibhelpers.__file__)")
    notebook.cells.append(where)
    client = NotebookClient(
        notebook, timeout=900, startup_timeout=600, resources={"metadata": {"path": tmp_path}}
    )
    client.widget_registry.clear()
    client.execute(env=os.environ | {"PYTHONPATH": str(installed.site)})
    assert Path(where.outputs[0].text.strip()).is_relative_to(installed.site)
    assert not list(tmp_path.iterdir())
