"""Charts that answer to their reader: well formed in the notebooks, alive in the book.

A chart lives in three places: JupyterLab draws it from the notebook, the book from its page, and
where neither can its picture stands. The browser's part needs Chromium or Chrome on this machine,
as tests/browser.py finds it, and is run by `make test-long`.
"""

import base64
import json
import re
from io import BytesIO
from pathlib import Path

import altair as alt
import nbformat
import numpy as np
import pandas as pd
import pytest
import vl_convert
from axe_playwright_python.base import AXE_FILE_PATH
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

import ibhelpers as ib
from ibhelpers.plots import chart as charts
from tests.browser import BROWSER

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))


def charts_of(path):
    """Every chart of a notebook: its cell, and the output that holds it."""
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if charts.VEGALITE in output.get("data", {}):
                yield cell, output


WITH_CHARTS = [path for path in NOTEBOOKS if list(charts_of(path))]
each_chapter = pytest.mark.parametrize("path", WITH_CHARTS, ids=lambda path: path.stem)


# --- in the notebooks -----------------------------------------------------------------------------


def test_many_chapters_have_a_chart():
    assert len(WITH_CHARTS) >= 10


@each_chapter
def test_a_chart_is_alive_a_picture_and_words(path):
    for cell, output in charts_of(path):
        words = output.data["text/plain"]
        assert len(words.split()) >= 20, words
        assert cell.metadata.mystnb.image.alt == words
        assert output.metadata["image/png"]["alt"] == words
        assert output.data[charts.VEGALITE]["description"] == words
        picture = Image.open(BytesIO(base64.b64decode(output.data["image/png"])))
        assert picture.width == 2 * output.metadata["image/png"]["width"] > 400


@each_chapter
def test_a_chart_is_a_whole_specification(path):
    for _, output in charts_of(path):
        spec = output.data[charts.VEGALITE]
        compiled = vl_convert.vegalite_to_vega(spec, vl_version=charts.VERSION)
        inputs = [signal for signal in compiled["signals"] if "bind" in signal]
        assert inputs, "nothing answers to the reader"
        assert all(signal["bind"]["name"].strip() for signal in inputs), "a slider without a name"
        assert "http" not in json.dumps({**spec, "$schema": ""}), "data from elsewhere"
        assert [*spec["datasets"]] == [f"data {i}" for i in range(len(spec["datasets"]))]
        assert "readout_marks" in json.dumps(compiled), "nothing says where the sliders stand"


@each_chapter
def test_a_slider_stands_only_where_there_are_data(path):
    """Of the words above a chart there are some wherever its sliders may stand."""
    for _, output in charts_of(path):
        spec = output.data[charts.VEGALITE]
        for stands in stops(spec):
            shown = json.loads(json.dumps(spec))
            for param in shown["params"]:
                set_to(param, stands)
            svg = vl_convert.vegalite_to_svg(shown, vl_version=charts.VERSION)
            readout = re.search(r'class="[^"]*readout_marks".*?</g>', svg, re.DOTALL)
            assert len(re.findall(r"<text[^>]*>[^<]+</text>", readout[0])) == 1, stands


def stops(spec):
    """Both ends of every slider and every choice of a menu, one at a time."""
    for param in spec["params"]:
        bind = param.get("bind") or {}
        ends = [bind["min"], bind["max"]] if bind.get("input") == "range" else bind.get("options")
        for value in ends or []:
            yield {param["name"]: value}


def set_to(param, stands):
    if param["name"] in stands:
        value = stands[param["name"]]
        if "select" in param:
            (field,) = param["select"]["fields"]
            param["value"] = [{field: value}]
        else:
            param["value"] = value


# --- what makes them ------------------------------------------------------------------------------

TABLE = pd.DataFrame(
    {
        "target": [1 / 3, 2 / 3, 1.0],
        "bits": [3.0, np.nan, np.pi],
        "said": ["one", "two, or 3", None],
    }
)


def shown(chart, words):
    """What a notebook would keep of a chart: the data and metadata of its one output."""
    shell = InteractiveShell.instance()
    shell.kernel = True
    try:
        with capture_output() as captured:
            ib.plots.show_chart(chart, words)
    finally:
        del shell.kernel
        InteractiveShell.clear_instance()
    (output,) = captured.outputs
    return output.data, output.metadata


def test_what_a_notebook_keeps_is_rounded_and_the_same_every_time():
    chart = alt.Chart(TABLE).mark_line().encode(x="target:Q", y="bits:Q")
    data, metadata = shown(chart, "Three points.")
    spec = data[charts.VEGALITE]
    assert spec["datasets"] == {
        "data 0": 'target,bits,said\n0.333333,3,one\n0.666667,,"two, or 3"\n1,3.14159,\n'
    }
    parse = {"target": "number", "bits": "number", "said": "string"}
    assert spec["data"] == {"name": "data 0", "format": {"type": "csv", "parse": parse}}
    assert spec["$schema"].endswith("v5.json")
    assert data["text/plain"] == spec["description"] == "Three points."
    nudged = TABLE.assign(bits=TABLE.bits * (1 + 1e-12))
    nudged = alt.Chart(nudged).mark_line().encode(x="target:Q", y="bits:Q")
    assert shown(nudged, "Three points.")[0][charts.VEGALITE] == spec
    picture = Image.open(BytesIO(data["image/png"]))
    assert picture.width == 2 * metadata["image/png"]["width"]
    assert metadata["image/png"]["alt"] == "Three points."


def test_outside_a_notebook_the_words_are_printed(capsys):
    ib.plots.show_chart(alt.Chart(TABLE).mark_point().encode(x="bits:Q"), "Three points.")
    assert capsys.readouterr().out == "Three points.\n"


@pytest.mark.parametrize("wrong", [TABLE, None, "a chart"])
def test_what_is_no_chart_is_refused(wrong):
    with pytest.raises(ValueError, match=r"chart: found a \w+; give a chart of altair"):
        ib.plots.show_chart(wrong, "Words.")


def test_a_chart_without_words_is_refused():
    with pytest.raises(ValueError, match="alt_text: found nothing"):
        ib.plots.show_chart(alt.Chart(TABLE).mark_point(), " ")


def test_a_picture_comes_back_pixel_by_pixel():
    ink = np.random.default_rng(0).random((7, 5))
    head, _, code = ib.plots.picture(ink).partition(",")
    assert head == "data:image/png;base64"
    back = np.asarray(Image.open(BytesIO(base64.b64decode(code))), dtype=float)
    assert back.shape == (7, 5)
    assert np.abs(back - 255 * (1 - ink)).max() <= 0.5


@pytest.mark.parametrize("wrong", [[0.0, 1.0], [[1.5]], [[-0.1]], [[np.nan]], [[]]])
def test_what_is_no_ink_is_refused(wrong):
    with pytest.raises(ValueError, match="ink: found an array of shape"):
        ib.plots.picture(wrong)


# --- in the book, in a browser --------------------------------------------------------------------

AXE = """() => axe.run({include: [[".chart-drawn"]]}, {
    resultTypes: ["violations"], preload: false,
}).then(found => found.violations.map(v => `${v.id}: ${v.nodes[0].html.slice(0, 200)}`))"""
DRAWN = "[...document.querySelectorAll('.chart-live')].map(e => e.querySelector('svg').outerHTML)"
SAID = "[...document.querySelectorAll('.chart-says')].map(e => e.textContent)"
LIVE_AND_STILL = """[...document.querySelectorAll("figure:has(.chart-live)")].map(e => [
    e.querySelector(".chart-live").checkVisibility(), e.querySelector("img").checkVisibility()])"""
STICKS_OUT = """[...document.querySelectorAll(".chart-live *")].filter(
    e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
INPUTS = ".chart-live :is(input, select)"
WAIT = 600  # milliseconds: longer than a chart waits before it says or redraws anything

in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found")


@pytest.mark.long
@in_a_browser
@each_chapter
def test_charts_answer_to_the_keyboard_without_a_network(html, browser, path):
    n = len(list(charts_of(path)))
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    amiss = []
    page.on("console", lambda said: amiss.append(said.text) if said.type != "log" else None)
    page.on("pageerror", lambda error: amiss.append(str(error)))
    page.on("requestfailed", lambda request: amiss.append(request.url))
    page.route("http*://**", lambda route: amiss.append(route.request.url) or route.abort())
    page.goto((html / "notebooks" / f"{path.stem}.html").as_uri())
    page.wait_for_function(f"document.querySelectorAll('.chart-drawn svg').length === {n}")
    page.wait_for_timeout(WAIT)
    assert page.evaluate(LIVE_AND_STILL) == [[True, False]] * n
    for label in page.query_selector_all(".chart-live svg.marks"):
        assert label.get_attribute("role") == "img" and label.get_attribute("aria-label")

    for i, field in enumerate(page.query_selector_all(INPUTS)):
        before = page.evaluate(DRAWN)
        field = page.query_selector_all(INPUTS)[i]
        field.focus()
        if field.get_attribute("type") == "radio":
            field.press("Space" if not field.is_checked() else "ArrowDown")
        else:
            field.press("Home")
            page.wait_for_timeout(WAIT)
            before = page.evaluate(DRAWN)
            for _ in range(5):
                field.press("PageUp" if field.get_attribute("type") == "range" else "ArrowDown")
        page.wait_for_timeout(WAIT)
        assert page.evaluate(DRAWN) != before, "a slider that changes nothing"
    assert all(page.evaluate(SAID)), "what is drawn is not said"

    page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
    stand = [field.input_value() for field in page.query_selector_all(INPUTS)]
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        page.wait_for_timeout(WAIT)
        assert page.evaluate(AXE) == []
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(WAIT)
    assert page.evaluate(STICKS_OUT) == []
    assert [field.input_value() for field in page.query_selector_all(INPUTS)] == stand
    page.emulate_media(media="print")
    assert page.evaluate(LIVE_AND_STILL) == [[False, True]] * n
    assert amiss == []
    page.close()


@in_a_browser
def test_without_scripts_the_picture_stands(html, browser):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((html / "notebooks" / f"{WITH_CHARTS[0].stem}.html").as_uri())
    words = next(charts_of(WITH_CHARTS[0]))[1].data["text/plain"]
    assert page.get_by_alt_text(words).first.is_visible()  # the second is its dark twin
    page.close()
