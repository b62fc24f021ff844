"""What the book needs from Sphinx and its configuration cannot say."""

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path

from pybtex.database import parse_file
from sphinx.errors import ExtensionError

MATHJAX = "tex-svg-full.js"  # draws equations as SVG: one file, no fonts beside it


def add_mathjax(app, config):
    """Ship MathJax with the pages, so that equations need no network.

    The package sphinx-mathjax-offline is an extension itself, but copies every file of MathJax;
    of those we need one.
    """
    package = find_spec("sphinx-mathjax-offline")
    if package is None:
        raise ExtensionError(
            "the package sphinx-mathjax-offline, which holds MathJax, is not installed; "
            "`make book` installs it, or: pip install sphinx-mathjax-offline"
        )
    file = Path(package.origin).parent / "static" / "mathjax" / MATHJAX
    config.html_static_path.append(str(file))
    config.mathjax_path = MATHJAX


def add_repository_buttons(app, config):
    """Link to the repository, Colab and Binder if it is known where the repository is.

    The address is that of _config.yml, or of the environment variable REPOSITORY_URL, which a
    workflow can set.
    """
    options = config.html_theme_options
    if url := os.environ.get("REPOSITORY_URL"):
        options["repository_url"] = url
    if not options.get("repository_url"):
        return
    options["use_repository_button"] = options["use_issues_button"] = True
    options["launch_buttons"] = {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
    }


ONLINE = """Without installing anything: the rocket at the top of a chapter opens it in Binder, with
everything set up (the first start takes some minutes), or in Colab. In Colab, run this first, in
a new cell at the top:

```
!git clone --quiet --depth 1 {url} course
%pip install --quiet ./course
import sys; sys.path.insert(0, "course")
```
"""


def say_how_to_run_online(app, docname, source):
    """Put that into the introduction, if there are such buttons."""
    url = app.config.html_theme_options.get("repository_url")
    source[0] = source[0].replace("<!-- online -->", ONLINE.format(url=url) if url else "")


CAPTION = "**Figure.** "


def make_book_pages_of_notebooks(app, docname, source):
    """Let the book set captions and citations, which the notebooks hold as plain Markdown.

    So every reader of a notebook, in JupyterLab or elsewhere, sees them too: a caption is a cell
    after its figure, and a citation a link to what is cited.
    """
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook, keys = json.loads(source[0]), _keys_of_links(app)
    cells = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if "caption" in cell["metadata"].get("tags", []):
            cells[-1]["metadata"]["mystnb"]["figure"]["caption"] = text.removeprefix(CAPTION)
            continue
        if cell["cell_type"] == "markdown":
            for link, key in keys.items():
                there = rf"\]\({re.escape(link)}\)"
                text = re.sub(rf"\[[^]]*\(\d{{4}}\){there}", f"{{cite:t}}`{key}`", text)
                text = re.sub(rf"\[\([^]]*, \d{{4}}\){there}", f"{{cite}}`{key}`", text)
        cells.append(cell | {"source": text})
    source[0] = json.dumps(notebook | {"cells": cells})


def _keys_of_links(app):
    """From what the notebooks link to, to its key in the bibliography."""
    links = {}
    for key, entry in parse_file(Path(app.srcdir) / "book" / "references.bib").entries.items():
        links[f"../book/references.md#{key}"] = key
        if "url" in entry.fields:
            links[entry.fields["url"]] = key
        if "doi" in entry.fields:
            links[f"https://doi.org/{entry.fields['doi']}"] = key
    return links


def leave_thebe_out(app, config):
    """Keep out the scripts for running cells in the page.

    Jupyter Book always loads sphinx-thebe. Nothing here uses it, it would fetch code from the
    network, and it declares its constants twice, which browsers report as an error.
    """
    unwanted = {"init_thebe_core", "update_thebe_context"}
    for listeners in app.events.listeners.values():
        listeners[:] = [x for x in listeners if getattr(x.handler, "__name__", "") not in unwanted]


def mend_roles(app, pagename, templatename, context, doctree):
    """Make the bibliography a list of list items for screen readers, as it says it is one."""
    context["body"] = context.get("body", "").replace('"doc-biblioentry"', '"listitem"')


def setup(app):
    app.connect("config-inited", add_mathjax)
    app.connect("config-inited", leave_thebe_out)
    app.connect("source-read", say_how_to_run_online)
    app.connect("source-read", make_book_pages_of_notebooks)
    app.connect("html-page-context", mend_roles)
    app.connect("config-inited", add_repository_buttons, priority=100)  # before the theme looks
    return {"parallel_read_safe": True, "parallel_write_safe": True}
