"""The wheel: it is built, and what it holds runs off the clone's path, in an empty folder."""

import email
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import package_page
import pytest

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


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Run Python in an empty folder, with the wheel installed and no way to the clone."""
    site, empty = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("empty")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", site, wheel], check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(site), "IBHELPERS_DATA": str(empty / "cache")}

    def run(*arguments: str) -> str:
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
    exact = "1788.6       2580.4"
    assert exact in (ROOT / "README.md").read_text(encoding="utf-8")
    assert exact in installed("-m", "ibhelpers", "quickstart")


def test_the_check_of_the_installation(installed):
    printed = installed("-m", "ibhelpers_check")
    assert f"at {installed.site / 'ibhelpers'}" in printed
    assert "[FAIL]" not in printed


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
