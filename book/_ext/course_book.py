"""What the book needs from Sphinx and its configuration cannot say."""

from importlib.util import find_spec
from pathlib import Path

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
    """Link to the repository, Colab and Binder if _config.yml says where the repository is."""
    options = config.html_theme_options
    if not options.get("repository_url"):
        return
    options["use_repository_button"] = options["use_issues_button"] = True
    options["launch_buttons"] = {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
    }


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
    app.connect("html-page-context", mend_roles)
    app.connect("config-inited", add_repository_buttons, priority=100)  # before the theme looks
    return {"parallel_read_safe": True, "parallel_write_safe": True}
