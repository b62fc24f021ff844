"""What the book needs from Sphinx and its configuration cannot say."""

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path

import notebook_form
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
    """Link to the repository and its issues, to a page's source, Colab and Binder, if there is one.

    The address is that of _config.yml, or of the environment variable REPOSITORY_URL, which a
    workflow can set.
    """
    options = config.html_theme_options
    if url := os.environ.get("REPOSITORY_URL"):
        options["repository_url"] = url
    if not options.get("repository_url"):
        return
    for button in ("repository", "issues", "edit_page"):
        options[f"use_{button}_button"] = True
    options["launch_buttons"] = {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
    }


ONLINE = """Without installing anything: the rocket at the top of a chapter opens it in Binder, with
everything set up (the first start takes some minutes), or in Colab. There, fill in the address

```
git+{url}
```

in the first cell, and the cell installs the course.
"""


def say_how_to_run_online(app, docname, source):
    """Put that into the introduction, if there are such buttons."""
    url = app.config.html_theme_options.get("repository_url")
    source[0] = source[0].replace("<!-- online -->", ONLINE.format(url=url) if url else "")


def link_to_pdf(app, docname, source):
    """Let the first page link to the printed book, if it is printed (scripts/build_book.py)."""
    name = os.environ.get("BOOK_PDF")
    link = f'<a class="sd-btn sd-btn-outline-primary" href="../{name}">The book as PDF</a>'
    source[0] = source[0].replace("<!-- pdf -->", link if name else "")


CAPTION = "**Figure.** "
QUESTIONS = "## Questions\n\n{{ref}}`Questions on this chapter <questions-{}>`, with all answers."
BOXED = re.compile(r"^> \*\*(.+)\*\*\n>\n((?:>.*(?:\n|$))+)", re.MULTILINE)  # a title, and text
EQUATION = re.compile(r"\$\$\n((?:(?!\$\$).)*?)\n\\tag\{(\d+)\}\n\$\$", re.DOTALL)


def make_book_pages_of_notebooks(app, docname, source):
    """Let the book set what the notebooks hold as plain Markdown, which is read anywhere.

    A caption is a cell after its figure; a citation a link to what is cited; an exercise, its
    solution and the hint are headings and <details>; equations have tags. The book makes numbered
    figures, a bibliography, directives and links of them, and puts the chapter's number before its
    title. The cells that install the course and that wait for answers stay out: a page cannot run
    them.
    """
    if not app.env.doc2path(docname).endswith(".ipynb"):
        return
    notebook, keys = json.loads(source[0]), _keys_of_links(app)
    chapter = Path(docname).name[:2]
    cells, solving = [], False
    for cell, role, exercise in notebook_form.roles(notebook["cells"]):
        text = notebook_form.text(cell)
        if cell is notebook["cells"][0]:
            text = text.replace("# ", f"# {chapter} ", 1)  # its name in titles and contents
        if role in ("setup", "answer"):
            continue
        if solving and role != "solution":
            cells.append(_markdown(":::{solution-end}\n:::"))
        solving = role in ("fold", "solution")
        if role == "caption":
            caption = _linked(text.removeprefix(CAPTION), keys, chapter)
            cells[-1]["metadata"]["mystnb"]["figure"]["caption"] = caption
            continue
        if cell["cell_type"] == "markdown":
            text = _linked(text, keys, chapter)
        if "quiz" in cell["metadata"].get("tags", []):
            text = QUESTIONS.format(chapter)
        if role == "exercise":
            text = _exercise(text, exercise)
        elif role == "fold":
            text = f":::{{solution-start}} {_label(exercise)}\n:class: dropdown\n:::"
        if cells and _goes_on(cells[-1], cell):
            text = f"{notebook_form.text(cells.pop())}\n\n\n{text}"
        cells.append(cell | {"source": text})
    if solving:
        cells.append(_markdown(":::{solution-end}\n:::"))
    source[0] = json.dumps(notebook | {"cells": cells})


def _goes_on(before, cell):
    """Whether a folded cell goes on with the one before, which shows nothing: both are one fold."""
    folds = [x["metadata"].get("mystnb", {}).get("code_prompt_show") for x in (before, cell)]
    return folds[0] and folds[0] == folds[1] and not before["outputs"]


def _admonition(quote):
    """The directive of a quotation with a title."""
    body = re.sub(r"^> ?", "", quote[2], flags=re.MULTILINE)
    return f":::{{admonition}} {quote[1]}\n{body}\n:::\n"


def _markdown(text):
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _label(exercise):
    return f"ex-{exercise.replace('.', '-')}"


def _exercise(text, exercise):
    """The directives of an exercise and of its hint."""
    heading, _, question = text.partition("\n")
    title = notebook_form.EXERCISE.match(heading)[2]
    hint = r":::{admonition} \1\n:class: dropdown\n\n\2\n:::"
    return (
        f":::{{exercise-start}} {exercise}: {title}\n:label: {_label(exercise)}\n:nonumber:\n:::\n"
        f"{notebook_form.HINT.sub(hint, question)}\n\n:::{{exercise-end}}\n:::"
    )


def _linked(text, keys, chapter):
    """A text with its citations, and its equations by their numbers, as the book links them."""
    for link, key in keys.items():
        there = rf"\]\({re.escape(link)}\)"
        text = re.sub(rf"\[[^]]*\(\d{{4}}\){there}", f"{{cite:t}}`{key}`", text)
        text = re.sub(rf"\[\([^]]*, \d{{4}}\){there}", f"{{cite}}`{key}`", text)
        text = re.sub(rf"\(\[[^]]*, \d{{4}}{there}\)", f"{{cite}}`{key}`", text)
    text = BOXED.sub(_admonition, text)
    text = EQUATION.sub(rf"$$\n\1\n$$ (eq-{chapter}-\2)", text)
    return re.sub(r"\bequation \((\d+)\)", rf"equation {{eq}}`eq-{chapter}-\1`", text)


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


def mend_search(app, pagename, templatename, context, doctree):
    """Let search results read like the book; the script changes what Sphinx's own one does."""
    if pagename == "search":
        app.add_js_file("search.js", loading_method="defer")


def mend_roles(app, pagename, templatename, context, doctree):
    """Make the bibliography a list of list items for screen readers, as it says it is one."""
    context["body"] = context.get("body", "").replace('"doc-biblioentry"', '"listitem"')


HEAD = re.compile(r"(<th\b[^>]*>)([^<]+)")
WORDS = re.compile(
    r"(?<=_)(?=\w)|(?<=[a-z])(?=[A-Z])"
)  # where one ends in snake_case and CamelCase


def break_heads_of_columns(app, pagename, templatename, context, doctree):
    """Let names at the heads of columns break where a word of them ends, on narrow pages."""
    context["body"] = HEAD.sub(
        lambda head: head[1] + WORDS.sub("<wbr>", head[2]), context.get("body", "")
    )


def setup(app):
    app.connect("config-inited", add_mathjax)
    app.connect("config-inited", leave_thebe_out)
    app.connect("source-read", say_how_to_run_online)
    app.connect("source-read", link_to_pdf)
    app.connect("source-read", make_book_pages_of_notebooks)
    app.connect("html-page-context", mend_roles)
    app.connect("html-page-context", mend_search)
    app.connect("html-page-context", break_heads_of_columns)
    app.connect("config-inited", add_repository_buttons, priority=100)  # before the theme looks
    return {"parallel_read_safe": True, "parallel_write_safe": True}
