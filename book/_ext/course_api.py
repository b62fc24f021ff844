"""The reference of the package, from its docstrings, and links to it from the text.

A line `<!-- api ibhelpers.laws -->` in a page gives way to everything that the module names as
public. Wherever the text has `ib.` and a name in code, the code becomes a link to the name's entry,
and so do names of Python's and SciPy's, whose inventories are kept in `book/inventories`.
"""

import importlib
import inspect
import re
import sys
from types import ModuleType

from docutils import nodes
from numpydoc import xref
from sphinx import addnodes

ASKED = re.compile(r"<!-- api ([\w.]+) -->")
NAME = re.compile(r"(\w+(?:\.\w+)*)(\(.*\))?")  # ib.GaussianSpace.fit(task)
TOP = "ibhelpers"
# The modules with a page of their own, and how a reader calls them.
ROOMS = {
    "tasks": "tasks",
    "kernels": "kernels",
    "spaces": "spaces",
    "losses": "spaces.losses",
    "networks": "networks",
    "laws": "laws",
    "bias": "bias",
    "compare": "bias.compare",
    "paper": "bias.paper",
    "bounds": "bounds",
    "plots": "plots",
}


def page(module_name: str) -> str:
    """What a module says of itself, its names with a line each, and an entry for each of them."""
    module = importlib.import_module(module_name)
    entries = {f"{module_name}.{name}": getattr(module, name) for name in names(module)}
    overview = [f"* :py:obj:`~{full}`: {summary(full, value)}" for full, value in entries.items()]
    if module_name == f"{TOP}.tasks":  # `ib.tasks.load` takes the options of these
        entries |= {f"{f.__module__}.{f.__name__}": f for f in module._LOADERS.values()}
    about = (inspect.getdoc(module) or "").replace("->", "→")
    parts = [about, "\n".join(overview)]
    parts += [entry(full, value) for full, value in entries.items()]
    return "````{eval-rst}\n" + "\n\n".join(parts) + "\n````"


def names(module: ModuleType) -> list[str]:
    """The public names that have their entry here: none that is a module or stands at the top."""
    top = importlib.import_module(TOP)
    return [
        name
        for name in module.__all__
        if not inspect.ismodule(getattr(module, name))
        and (module is top or getattr(top, name, None) is not getattr(module, name))
    ]


def summary(full: str, value: object) -> str:
    """The first line of a docstring, and of a constant the words beside it."""
    if inspect.isclass(value) or inspect.isroutine(value):
        return (inspect.getdoc(value) or "").splitlines()[0]
    return beside(full.rpartition(".")[2])


def beside(constant: str) -> str:
    """The comment on the line that defines a constant."""
    line = re.compile(rf"^{constant} = .*?# (.+)$", re.MULTILINE)
    modules = [module for name, module in sorted(sys.modules.items()) if name.startswith(TOP)]
    found = filter(None, (line.search(inspect.getsource(module)) for module in modules))
    said = next(found)[1]
    return f"{said[0].upper()}{said[1:]}."


def entry(full: str, value: object) -> str:
    """The directive that documents a class, a function or a constant."""
    if inspect.isclass(value):
        return f".. autoclass:: {full}\n   :members:"
    if callable(value):
        return f".. autofunction:: {full}"
    return f".. py:data:: {full}\n\n   {summary(full, value)}"


def public() -> dict[str, str]:
    """Every public name that has an entry, and its full name."""
    rooms = [TOP, *(f"{TOP}.{room}" for room in ROOMS.values())]
    return {
        name: f"{room}.{name}" for room in rooms for name in names(importlib.import_module(room))
    }


def name_types(app, config):
    """Let the types of parameters lead to their entries."""
    config.numpydoc_xref_param_type = True
    config.numpydoc_xref_ignore = "all"  # other words of a type are no links
    config.numpydoc_xref_aliases = PUBLIC


def fill(app, docname, source):
    """Put the entries where a page asks for them."""
    source[0] = ASKED.sub(lambda asked: page(asked[1]), source[0])


def link(app, doctree, docname):
    """Make links of names in the text, and in the reference of what docstrings put in backticks."""
    for name in [*doctree.findall(nodes.literal), *doctree.findall(nodes.title_reference)]:
        found = NAME.fullmatch(name.astext())
        if not found or within(name, nodes.reference | addnodes.desc_signature):
            continue
        code = nodes.literal(name.astext(), name.astext(), classes=["py"])
        if address := inside(app, found[1], name, docname) or outside(app, found[1]):
            where = nodes.reference("", "", code, internal="//" not in address, refuri=address)
            name.replace_self(where)
        elif isinstance(name, nodes.title_reference):
            name.replace_self(code)


def inside(app, name, node, docname):
    """Where the reference explains a name of the package; nothing where it does not, or right here.

    In a docstring a name may lack what the docstring's place says: the class, then the module.
    """
    known = app.env.get_domain("py").objects
    here, reference = enclosing(node), docname.startswith("book/api/")
    candidates = [re.sub(r"^ib\.", f"{TOP}.", name), *(f"{place}.{name}" for place in here)]
    if reference and (full := PUBLIC.get(name.split(".")[0])):
        candidates.append(full + name[len(name.split(".")[0]) :])
    if re.fullmatch(r"ib\.\w+", name) and name[3:] in ROOMS:
        return app.builder.get_relative_uri(docname, f"book/api/{name[3:]}")
    for full in candidates:
        for alias, room in ROOMS.items():
            full = re.sub(rf"^{TOP}\.{alias}\.", f"{TOP}.{room}.", full)
        if full not in known and full.startswith(f"{TOP}.") and "." in name:
            full = full.rpartition(".")[0]  # an attribute is explained by its class
        if full in known and full not in here[:1]:
            entry = known[full]
            return f"{app.builder.get_relative_uri(docname, entry.docname)}#{entry.node_id}"
    return None


def enclosing(node):
    """Full names of the entries around a node, innermost first; and of their modules."""
    places = []
    while node is not None:
        if isinstance(node, addnodes.desc):
            full = next(iter(node[0].get("ids", [])), "")
            places += [full] if full else []
        node = node.parent
    return places + [place.rpartition(".")[0] for place in places[-1:]]


def within(node, kinds):
    """Whether a node stands somewhere in one of these kinds."""
    while node := node.parent:
        if isinstance(node, kinds):
            return True
    return False


def outside(app, name):
    """The address in Python's or SciPy's documentation."""
    if not name.startswith(("scipy.", "math.", "multiprocessing.", "secrets.")):
        return None
    kinds = ("py:function", "py:method", "py:class", "py:attribute")
    items = (app.env.intersphinx_inventory.get(kind, {}).get(name) for kind in kinds)
    return next((item[2] for item in items if item), None)


PUBLIC = public()


def setup(app):
    for word, there in list(xref.DEFAULT_LINKS.items()):
        if "numpy" in there or word == "callable":  # no package holds NumPy's inventory
            del xref.DEFAULT_LINKS[word]
    app.connect("config-inited", name_types, priority=100)  # before numpydoc looks
    app.connect("source-read", fill)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
