"""Notebooks in a real JupyterLab without extensions: what a reader sees before and after a run.

And nbconvert's plain HTML of them, on a telephone and by what a screen reader needs.

Needs Chromium or Chrome on this machine, as tests/browser.py finds it. One chapter and a
notebook with every form are looked at in `make test`, all chapters in `make test-long`.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import notebook_form
import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ibhelpers.plots.chart import VEGALITE
from tests.browser import BROWSER

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found")

CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
LOOKED_AT = ["every_form", CHAPTERS[0]]
LOOKED_AT += [pytest.param(name, marks=pytest.mark.long) for name in CHAPTERS[1:]]
WAITS = {"10_networks_as_hypotheses", "11_architectures_and_optimizers", "every_form"}

SETTINGS = {
    # Every cell is in the page, so that it can be looked at without scrolling.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
# Which cells are seen, and what is amiss in those that are.
SEEN = """() => [...document.querySelectorAll(".jp-Notebook .jp-Cell")].map(cell => ({
    shown: cell.checkVisibility(),
    tables: [...cell.querySelectorAll("table")].filter(
        t => t.checkVisibility() && t.closest("figure")?.innerText && t.rows.length > 1).length,
    images: [...cell.querySelectorAll("img")].filter(
        i => i.checkVisibility() && i.complete && i.naturalWidth > 100).length
        + [...cell.querySelectorAll(".vega-embed :is(canvas, svg)")].filter(
        drawn => drawn.checkVisibility() && drawn.clientWidth > 100).length,
    errors: cell.querySelectorAll('[data-mime-type="application/vnd.jupyter.stderr"]').length,
    text: cell.checkVisibility() ? cell.innerText : "",
}))"""
# Colours and the looks of links are the template's; all else is ours.
AXE = """() => axe.run(document, {
    resultTypes: ["violations"],
    rules: {"color-contrast": {enabled: false}, "link-in-text-block": {enabled: false}},
}).then(found => found.violations.map(v => v.id + ": " + v.nodes[0].html.slice(0, 200)))"""
# The fractions that every progress bar has shown, in their order. Where the end is not known a
# counter stands beside a block: that is no fraction.
WATCH = """() => {
    const bars = new Map();
    window.bars = () => [...bars.values()];
    setInterval(() => document.querySelectorAll(
        ".progress-bar:not(.progress-bar-info)"
    ).forEach(bar => {
        const share = parseFloat(bar.style.width), seen = bars.get(bar) || [];
        bars.set(bar, seen);
        if (bar.checkVisibility() && seen.at(-1) !== share) seen.push(share);
    }), 50);
}"""
# What of a table's caption cannot be read without scrolling.
CUT = """() => [...document.querySelectorAll(".jp-Notebook figcaption")].filter(
    caption => caption.checkVisibility()
).filter(caption => {
    const text = document.createRange(), output = caption.closest(".jp-OutputArea-output");
    text.selectNodeContents(caption);
    const {left, right} = text.getBoundingClientRect(), room = output.getBoundingClientRect();
    return left < room.left || right > Math.min(room.right, innerWidth) || right - left < 50;
}).map(caption => caption.innerText)"""
NARROW = """() => {
    const notebook = document.querySelector(".jp-Notebook").getBoundingClientRect();
    return notebook.width > 200 && notebook.right <= innerWidth;
}"""
KERNEL_IS_THERE = """() =>
    jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === "idle"
"""
RUN_ALL = """() => {
    window.ran = "no";
    jupyterapp.commands.execute("notebook:run-all-cells").then(
        () => { window.ran = "yes"; }, error => { window.ran = String(error); });
}"""
# A kernel outlives its page, and sixteen of them together need more memory than there is.
END = "() => jupyterapp.serviceManager.sessions.shutdownAll()"
# Whether the run has ended, and how far it has come: numbers of cells, and bars.
RUN = """() => [window.ran, [...document.querySelectorAll(".jp-InputPrompt")].map(
    prompt => prompt.textContent), window.bars()]"""
STUCK = 600  # seconds in which even a busy machine gets on with a page or a run


def every_form() -> nbformat.NotebookNode:
    """A notebook with an exercise, a guess, a figure, a table, a check, a wait of three seconds."""
    exercise = f"### Exercise 00.1: try\n\nHow many?\n\n**Asked for:** a number.\n\n{HINT}"
    cells = [
        new_markdown_cell("# Every form\n\nSee [Wolpert (1996)](https://example.org) and $x^2$."),
        new_code_cell("import ibhelpers as ib\nimport pandas as pd\nimport time"),
        new_markdown_cell("## A section\n\n$$\nx = y\n\\tag{1}\n$$\n\nSee equation (1)."),
        new_code_cell(WAIT),
        new_code_cell(PICTURE, outputs=[new_output("display_data", {"image/png": ""})]),
        new_markdown_cell("**Figure.** A line.", metadata={"tags": ["caption"]}),
        new_code_cell(CHART, outputs=[new_output("display_data", {"image/png": ""})]),
        new_code_cell(TABLE, outputs=[new_output("display_data", {"text/html": "<table>"})]),
        new_code_cell("assert 1 < 2", metadata={"jupyter": {"source_hidden": True}}),
        new_markdown_cell("**What do you expect?** More, or less?"),
        new_markdown_cell(exercise),
        new_code_cell(ANSWER, metadata={"tags": ["answer"]}),
        new_markdown_cell("#### Solution of 00.1", metadata={"jp-MarkdownHeadingCollapsed": True}),
        new_code_cell('ib.check("00.1", 19.93)\nib.plots.show_table(pd.DataFrame([1]), "Hidden.")'),
        new_markdown_cell("The secret is out."),
        new_markdown_cell("## What you have learned\n\nNothing."),
    ]
    python = {"name": "python3", "display_name": "Python 3"}  # else JupyterLab asks for a kernel
    return new_notebook(cells=cells, metadata={"kernelspec": python})


HINT = "<details>\n<summary>Hint</summary>\n\nHalve it.\n\n</details>"
PICTURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
CHART = """import altair as alt

high = alt.param("high", value=1, bind=alt.binding_range(min=1, max=9, step=1, name="high "))
dots = alt.Chart(pd.DataFrame({"x": range(9)})).mark_circle()
dots = dots.encode(x="x:Q").transform_filter("datum.x < high").add_params(high)
ib.plots.show_chart(dots, "A slider sets how many dots there are.")"""
TABLE = 'ib.plots.show_table(pd.DataFrame({"a": [1, 2]}), "Two numbers.")'
ANSWER = 'answer_00_1 = ...\nib.check("00.1", answer_00_1)'
WAIT = """from ibhelpers._progress import progress_bar

with progress_bar("waiting", 6e10) as bar:
    for _ in range(6):
        time.sleep(0.5)
        bar.update(1e10)"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab in a folder with copies of the notebooks, and that folder."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder)
    nbformat.write(every_form(), folder / "every_form.ipynb")
    for name, setting in SETTINGS.items():
        file = home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(setting))
    (home / "config" / "labconfig").mkdir(parents=True)
    disabled = {name: True for name in extensions() if not name.startswith("@jupyter-widgets")}
    (home / "config" / "labconfig" / "page_config.json").write_text(
        json.dumps({"disabledExtensions": disabled})
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "PYTHONPATH": str(ROOT),
    }
    log = (home / "log").open("w")
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api?token={token}", server, home / "log")
        yield f"{address}/lab/workspaces/{{0}}/tree/{{0}}.ipynb?token={token}", folder
    finally:
        server.terminate()
        server.wait(60)
        log.close()


def extensions() -> set[str]:
    """The extensions of JupyterLab that are installed here."""
    folder = Path(sys.prefix) / "share" / "jupyter" / "labextensions"
    found = {path.parent.relative_to(folder) for path in folder.glob("**/package.json")}
    return {path.as_posix() for path in found if "static" not in path.parts}


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Return when the server answers."""
    for _ in range(240):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(log.read_text())


@pytest.mark.parametrize("name", LOOKED_AT)
def test_solutions_stay_hidden_and_all_else_is_shown(lab, browser, name):
    address, folder = lab
    cells = nbformat.read(folder / f"{name}.ipynb", as_version=4).cells
    page = opened(browser, address.format(name), len(cells))
    look(page, cells)
    page.evaluate(WATCH)
    page.wait_for_function(KERNEL_IS_THERE)
    page.evaluate(RUN_ALL)
    assert until_it_has_run(page) == "yes"
    look(page, cells, after=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("jupyterapp.shell.collapseLeft()")
    page.wait_for_function(NARROW)
    assert page.evaluate(CUT) == []
    bars = [shares for shares in page.evaluate("window.bars()") if shares]
    assert bars or name not in WAITS
    for shares in bars:
        assert shares == sorted(shares) and all(0 <= share <= 100 for share in shares), shares
    assert name not in WAITS or max(map(len, bars)) > 2, bars  # some bar was seen on its way
    page.evaluate(END)
    page.close()


def opened(browser, address: str, n_cells: int):
    """The page of a notebook, once all its cells are there."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(1000 * STUCK)
    page.goto(address)
    count = "document.querySelectorAll('.jp-Notebook .jp-Cell').length"
    page.wait_for_function(f"{count} === {n_cells}")
    page.wait_for_selector(".jp-Notebook .jp-RenderedHTMLCommon h1")
    return page


def until_it_has_run(page) -> str:
    """How the run of all cells ended; as long as something comes of it, it may take its time."""
    last, since = None, time.monotonic()
    while time.monotonic() - since < STUCK:
        now = page.evaluate(RUN)
        if now[0] != "no":
            return now[0]
        if now != last:
            last, since = now, time.monotonic()
        page.wait_for_timeout(250)
    return f"nothing came in {STUCK} seconds after {last}"


def look(page, cells: list, *, after: bool = False, patience: float = STUCK) -> None:
    """Compare what is seen with what should be; what is missing may be on its way."""
    end = time.monotonic() + patience
    while True:
        try:
            return compare(page.evaluate(SEEN), cells, after)
        except AssertionError:
            if time.monotonic() > end:
                raise
        page.wait_for_timeout(250)


def compare(seen: list[dict], cells: list, after: bool) -> None:
    """Compare what is seen with what should be, cell by cell."""
    for (cell, role, _), found in zip(notebook_form.roles(cells), seen, strict=True):
        assert found["shown"] == (role != "solution"), cell.source
        assert not any(raw in found["text"] for raw in (":::", "```{", "{cite", "{eq")), cell.source
        if role == "fold":
            assert "hidden" in found["text"], "the fold says that something is hidden"
        elif role == "answer" and after:
            assert "no answer yet" in found["text"]
        if after and found["shown"] and cell.cell_type == "code":
            assert not found["errors"], found["text"]
            data = [output.get("data", {}) for output in cell.outputs]  # as committed
            assert found["images"] >= sum("image/png" in part for part in data), cell.source
            tables = sum("<table" in part.get("text/html", "") for part in data)
            assert found["tables"] >= tables, cell.source


def test_a_chart_is_drawn_without_a_run_and_answers_to_the_keyboard(lab, browser):
    """JupyterLab keeps the arrow keys for itself; Home, End and Page Up are left."""
    address, folder = lab
    (chapter,) = folder.glob("03_*.ipynb")
    notebook = nbformat.read(chapter, as_version=4)
    notebook.cells = [notebook.cells[0], *filter(has_chart, notebook.cells)]
    nbformat.write(notebook, folder / "chart.ipynb")
    page = opened(browser, address.format("chart"), len(notebook.cells))
    slider = page.wait_for_selector(".vega-embed input[name=target]")
    seen = page.evaluate(SEEN)
    assert seen[-1]["images"] == 1
    slider.focus()
    for key, value in (("End", "1"), ("Home", "0.01"), ("PageUp", "0.11")):
        slider.press(key)
        assert slider.input_value() == value
    page.evaluate(END)
    page.close()


def has_chart(cell: nbformat.NotebookNode) -> bool:
    """Whether one is among the outputs of a cell."""
    return any(VEGALITE in output.get("data", {}) for output in cell.get("outputs", []))


def test_an_open_solution_is_noticed(lab, browser):
    address, folder = lab
    notebook = every_form()
    for cell, role, _ in notebook_form.roles(notebook.cells):
        if role == "fold":
            cell.metadata.clear()
    nbformat.write(notebook, folder / "open.ipynb")
    page = opened(browser, address.format("open"), len(notebook.cells))
    with pytest.raises(AssertionError, match="something is hidden"):
        look(page, notebook.cells, patience=5)
    page.close()


@pytest.mark.parametrize("name", LOOKED_AT[1:])
def test_plain_html_is_read_out_and_fits_a_telephone(browser, tmp_path, name):
    html, _ = HTMLExporter().from_filename(ROOT / "notebooks" / f"{name}.ipynb")
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.route("http*://**", lambda route: route.abort())  # MathJax, which is not looked at
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.querySelectorAll('table, img').length")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
    assert page.evaluate(AXE) == []
    page.close()


def test_a_picture_without_words_and_a_header_that_heads_nothing_are_noticed(browser):
    page = browser.new_page()
    page.set_content('<h1>a</h1><h4>b</h4><img src="x"><th headers="no">')
    page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
    found = {line.partition(":")[0] for line in page.evaluate(AXE)}
    assert "image-alt" in found and "heading-order" in found
    page.close()
