"""Charts that answer to their reader, in the book: without a kernel and without a network.

A notebook holds such a chart three times in one output (see `ibhelpers.plots.show_chart`). The book
sets its picture as any other figure, with its caption, and beside it what Vega-Lite draws;
_static/charts.js then draws the chart in the picture's place. On paper, and without scripts, the
picture stays.
"""

import json
from pathlib import Path

from ibhelpers.plots.chart import VEGALITE, VERSION

SCRIPT = '<script type="application/json" class="chart" data-figure="{}">{}</script>'


def set_beside_their_pictures(app, docname, source):
    """Leave a figure its picture, and put what is drawn in its place into a cell after it.

    A caption has become a part of its figure by now (course_book.py).
    """
    if app.builder.format != "html" or VEGALITE not in source[0]:
        return
    notebook, cells = json.loads(source[0]), []
    for cell in notebook["cells"]:
        cells.append(cell)
        for output in cell.get("outputs", []):
            if spec := output.get("data", {}).pop(VEGALITE, None):
                figure = cell["metadata"]["mystnb"]["figure"]["name"]
                drawn = SCRIPT.format(figure, json.dumps(spec).replace("<", "\\u003c"))
                cells.append({"cell_type": "markdown", "metadata": {}, "source": drawn})
    source[0] = json.dumps(notebook | {"cells": cells})


def add_runtime(app, config):
    """Ship Vega with the pages; vl-convert, which draws the pictures, has it in one piece."""
    from vl_convert import javascript_bundle

    folder = Path(app.outdir).parent / "vega"
    folder.mkdir(parents=True, exist_ok=True)
    bundle = "(() => {" + javascript_bundle(vl_version=VERSION) + "})();\n"  # keeps its names
    (folder / "vega.js").write_text(bundle, encoding="utf-8")
    config.html_static_path.append(str(folder))


def draw_where_there_are_charts(app, pagename, templatename, context, doctree):
    """Let only those pages load it."""
    if SCRIPT.partition(" data")[0] in context.get("body", ""):
        app.add_css_file("charts.css")
        app.add_js_file("vega.js")
        app.add_js_file("charts.js")


def setup(app):
    app.connect("config-inited", add_runtime)
    app.connect("source-read", set_beside_their_pictures)
    app.connect("html-page-context", draw_where_there_are_charts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
