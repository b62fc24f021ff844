"""The book builds without a warning (tests/conftest.py) and is whole without a network."""

import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote

import check_links
import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def pages(html):
    """Every page, parsed, by its path."""
    parsed = check_links.read_pages(html)
    assert html / "book" / "intro.html" in parsed
    return parsed


def test_every_notebook_is_a_chapter():
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    notebooks = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    in_the_book = [Path(name).name for name in chapters if name.startswith("notebooks/")]
    assert in_the_book == notebooks, "book/_toc.yml should list the notebooks in reading order"


def test_every_link_inside_the_book_leads_somewhere(html, pages):
    assert not check_links.broken(html, pages)


FAULTS = {
    "gone.html": "no such file",
    "there.html#nowhere": "no such anchor",
    "#nowhere": "no such anchor",
    "../outside.html": "leaves the book",
    "empty.ipynb": "an empty file",
    "folder/": "no such file",
    "file:///tmp/book.html": "what is file?",
}
SOUND = ["there.html#here", "there.html", "#top", "folder2/", "https://a.org/x", "mailto:a@b.c"]


def test_broken_links_are_noticed(tmp_path):
    (tmp_path / "outside.html").write_text("on this machine only")
    html = tmp_path / "html"
    (html / "folder").mkdir(parents=True)
    (html / "folder2").mkdir()
    (html / "folder2" / "index.html").write_text("<p>x</p>")
    (html / "empty.ipynb").touch()
    (html / "there.html").write_text('<h2 id="here">x</h2>')
    (html / "style.css").write_text('a {background: url("gone.woff2")} b {fill: url(#x)}')
    links = "".join(f'<a href="{address}">x</a>' for address in [*FAULTS, *SOUND])
    others = """<img src="gone.png" srcset="gone2.png 2x"><script src="gone.js"></script>
        <link href="gone.css"><svg><use href="#nothing"></use></svg>
        <meta http-equiv="Refresh" content="0; url=gone3.html">"""
    (html / "index.html").write_text(links + others)
    found = check_links.broken(html, check_links.read_pages(html))
    expected = [f"index.html: {address} ({fault}" for address, fault in FAULTS.items()]
    expected += [f"index.html: gone.{x} (no such file" for x in ("png", "js", "css")]
    expected += ["index.html: gone2.png", "index.html: gone3.html", "index.html: #nothing"]
    expected += ["style.css: gone.woff2 (no such file"]
    assert len(found) == len(expected)
    for start in expected:
        assert any(line.startswith(start) for line in found), start


def test_broken_outside_links_are_told_from_those_that_answer_no_program(tmp_path, capsys):
    class Answers(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            self.send_response(int(self.path.strip("/")))
            self.end_headers()

        do_HEAD = do_GET

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{server.server_port}"
        links = "".join(f'<a href="{there}/{code}">x</a>' for code in (200, 404, 403))
        (tmp_path / "a.html").write_text(links)
        found = check_links.outside(tmp_path, check_links.read_pages(tmp_path))
        assert check_links.report_outside(found) == 1
        server.shutdown()
    said = capsys.readouterr().out
    assert f"{there}/404: 404" in said and "in a.html" in said
    assert "3 outside links, 1 broken" in said
    assert said.rstrip().endswith(f"open them by hand:\n    {there}/403")


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
    assert f"https://github.com/someone/course/edit/main/{path}" in links
    assert {link for link in links if "/issues/new?" in link}
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
    assert commands == [{"test": "bash .ci/run", "book": "make pdf"}[name]]
    if name == "book":
        (built,) = (step for step in steps if step.get("run"))
        assert "REPOSITORY_URL" in built["env"]
        (uploaded,) = (s["with"]["path"] for s in steps if "upload-pages" in s.get("uses", ""))
        assert uploaded == "book/_build/html"
