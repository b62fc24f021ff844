"""The book builds without a warning (tests/conftest.py) and is whole without a network."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def pages(html):
    """Every page, parsed, by its path."""
    parsed = {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(html.rglob("*.html"))
        if "_static" not in path.parts
    }
    assert html / "book" / "intro.html" in parsed
    return parsed


def test_every_notebook_is_a_chapter():
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    notebooks = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    in_the_book = [Path(name).name for name in chapters if name.startswith("notebooks/")]
    assert in_the_book == notebooks, "book/_toc.yml should list the notebooks in reading order"


def test_internal_links_lead_somewhere(html, pages):
    anchors = {
        path: {tag["id"] for tag in page.find_all(id=True)} | {"", "top"}
        for path, page in pages.items()
    }
    broken = []
    for path, page in pages.items():
        for link in page.find_all("a", href=True):
            url = urlsplit(link["href"])
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            missing_anchor = target in anchors and unquote(url.fragment) not in anchors[target]
            if not target.exists() or missing_anchor:
                broken.append(f"{path.relative_to(html)}: {link['href']}")
    assert not broken


def test_nothing_comes_from_the_network(html, pages):
    elsewhere = [
        f"{path.relative_to(html)}: {address}"
        for path, page in pages.items()
        for tag in page.find_all(["script", "link", "img", "iframe", "source", "video"])
        if (address := tag.get("src") or tag.get("href") or "").startswith(
            ("http:", "https:", "//")
        )
    ]
    assert not elsewhere


def test_every_image_is_there_and_described(html, pages):
    faults = []
    for path, page in pages.items():
        for image in page.find_all("img"):
            source, text = image.get("src", ""), image.get("alt", "").strip()
            if not source.startswith("data:") and not (path.parent / unquote(source)).exists():
                faults.append(f"{path.relative_to(html)}: {source} is missing")
            # Sphinx falls back on the file's name, which describes nothing.
            if not text or Path(text).name == Path(unquote(source)).name:
                faults.append(f"{path.relative_to(html)}: {source} has no alt text")
    assert not faults, (
        "a notebook figure gets its alt text from the metadata of its cell: "
        '{"mystnb": {"image": {"alt": "..."}}}'
    )


# --- whoever hosts the book ---------------------------------------------------------------------

LAUNCH = ("mybinder.org", "colab.research.google.com")


def test_without_an_address_there_are_no_buttons(pages):
    assert not [path for path, page in pages.items() if any(x in str(page) for x in LAUNCH)]


def test_with_an_address_chapters_open_in_binder_and_colab(tmp_path):
    pytest.importorskip("jupyter_book", reason="the book's tools are not installed (extra: book)")
    toc = {"format": "jb-book", "root": "book/intro"}
    toc["chapters"] = [{"file": "notebooks/00_start_here"}]
    (tmp_path / "toc.yml").write_text(yaml.safe_dump(toc))
    subprocess.run(
        [
            *[sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"],
            *[str(ROOT), "--config", str(ROOT / "book" / "_config.yml")],
            *["--toc", str(tmp_path / "toc.yml"), "--path-output", str(tmp_path)],
        ],
        check=True,
        capture_output=True,
        env=os.environ
        | {
            "REPOSITORY_URL": "https://github.com/someone/course",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "scripts")]),
        },
    )
    html = tmp_path / "_build" / "html"
    page = BeautifulSoup((html / "notebooks" / "00_start_here.html").read_text(), "html.parser")
    links = {link["href"] for link in page.find_all("a", href=True)}
    path = "notebooks/00_start_here.ipynb"
    assert f"https://mybinder.org/v2/gh/someone/course/main?urlpath=lab/tree/{path}" in links
    assert f"https://colab.research.google.com/github/someone/course/blob/main/{path}" in links
    assert "https://github.com/someone/course" in links
    intro = BeautifulSoup((html / "book" / "intro.html").read_text(), "html.parser").text
    assert "git+https://github.com/someone/course" in intro


@pytest.mark.parametrize("name", ["test", "book"])
def test_workflows_do_what_the_makefile_does(name):
    file = ROOT / ".github" / "workflows" / f"{name}.yml"
    workflow = yaml.load(file.read_text(), yaml.BaseLoader)  # where "on" is not a truth value
    assert "push" in workflow["on"]
    steps = workflow["jobs"][name]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands == [{"test": "bash .ci/run", "book": "make book"}[name]]
    if name == "book":
        (built,) = (step for step in steps if step.get("run"))
        assert "REPOSITORY_URL" in built["env"]
        (uploaded,) = (s["with"]["path"] for s in steps if "upload-pages" in s.get("uses", ""))
        assert uploaded == "book/_build/html"
