"""No text and no message assumes one operating system."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
# What readers meet. Makefile, scripts that rebuild data, and tests are for one system or say so.
TEXTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "data").glob("*.md"),
    *(ROOT / "book").glob("*.md"),
    *(ROOT / "notebooks").glob("*.ipynb"),
    *(ROOT / "ibhelpers").rglob("*.py"),
    ROOT / "scripts" / "ibhelpers_check.py",
]
OF_UNIX = re.compile(r"\.venv/bin|bin/activate|/usr/|/tmp\b|~/|\bexport \w+=")
OF_WINDOWS = re.compile(r"\.venv\\Scripts|Scripts\\activate|\bC:\\|%\w+%|\bset \w+=", re.IGNORECASE)


def paragraphs(path):
    """The paragraphs of a text, or the cells of a notebook."""
    if path.suffix == ".ipynb":
        return [cell.source for cell in nbformat.read(path, as_version=4).cells]
    return re.split(r"\n\s*\n", path.read_text(encoding="utf-8"))


def one_sided(text):
    """The paragraphs that name one system's paths or commands, the other's being nowhere near."""
    found = []
    for i, paragraph in enumerate(text):
        near = "\n".join(text[max(0, i - 2) : i + 3])
        if OF_UNIX.search(paragraph) and not OF_WINDOWS.search(near):
            found.append(paragraph)
        if OF_WINDOWS.search(paragraph) and not OF_UNIX.search(near):
            found.append(paragraph)
    return found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_whoever_names_one_systems_paths_names_the_others(path):
    assert one_sided(paragraphs(path)) == []


@pytest.mark.parametrize(
    "text", ["run `.venv/bin/python`", "export IBHELPERS_DATA=x", r"run `.venv\Scripts\python`"]
)
def test_one_sided_advice_is_found(text):
    assert one_sided(["before", text, "after"]) == [text]
    assert one_sided(["`.venv/bin/python` or", text, r"`.venv\Scripts\python`"]) == []


def test_the_readme_has_a_way_without_make():
    """Three lines; what they install is what `make` installs, and they end in its table."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [
        block for block in re.findall(r"```\n(.*?)```", readme, re.DOTALL) if "-m venv" in block
    ]
    lines = block.splitlines()
    assert len(lines) == 3
    assert lines[1].endswith('-m pip install -c constraints.txt -e ".[course]"')
    assert lines[2].endswith("-m ibhelpers quickstart")
