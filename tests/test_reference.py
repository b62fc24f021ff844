"""The book's reference has every public name, and the text leads to it."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

import ibhelpers as ib

MODULES = [ib, *(value for name in ib.__all__ if inspect.ismodule(value := getattr(ib, name)))]


@pytest.fixture(scope="module")
def parsed(html):
    return {
        str(path.relative_to(html)): BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(html.glob("[bn]*/**/*.html"))
    }


def test_every_public_name_has_an_entry(parsed):
    entries = {
        tag["id"]
        for path, page in parsed.items()
        if path.startswith("book/api/")
        for tag in page.select("dt.sig[id]")
    }
    expected = {
        value if isinstance(value := getattr(module, name), str) else f"{module.__name__}.{name}"
        for module in [*MODULES, importlib.import_module("ibhelpers.bias")]
        for name in module.__all__
        if not inspect.ismodule(getattr(module, name))
        and (module is ib or getattr(ib, name, None) is not getattr(module, name))
    }
    assert len(expected) > 80
    assert not expected - entries


def test_names_in_the_text_lead_to_their_entries(parsed):
    seen, faults = 0, []
    for path, page in parsed.items():
        for code in page.select("code.literal"):
            name = re.fullmatch(r"(ib(?:\.\w+)+)(?:\(.*\))?", code.get_text())
            if not name or path.startswith("book/api/"):
                continue
            seen += 1
            link = code.find_parent("a")
            if link is None or "/api/" not in f"/{link['href']}":
                faults.append(f"{path}: {name[1]}")
    assert seen > 50
    assert not faults, "a name that the package does not have, or that no page of book/api explains"


def test_methods_of_a_class_are_linked_from_its_docstring(parsed):
    entry = parsed["book/api/laws.html"].find(id="ibhelpers.laws.GeneralizedPareto")
    assert entry is not None
    page = parsed["book/api/ibhelpers.html"]
    types = {link["href"] for link in page.select("dd a[href], dt a[href]")}
    assert "#ibhelpers.Task" in types  # the type of a parameter
    assert any(href.startswith("https://docs.python.org/") for href in types)


def test_types_of_parameters_lead_to_their_entries(parsed):
    page = parsed["book/api/spaces.html"]
    law = page.find(id="ibhelpers.spaces.Assessment").find_next(class_="classifier").a
    assert law["href"] == "laws.html#ibhelpers.laws.GeneralizedChi2"
    types = [kind.text for page in parsed.values() for kind in page.select(".classifier")]
    assert "callable" in types and "callable()" not in " ".join(types)


def test_every_entry_says_something(parsed):
    entries = [e for page in parsed.values() for e in page.select("dl.py > dt[id] + dd")]
    named = [e for e in entries if e.find_previous_sibling("dt")["id"].count(".") <= 2]
    assert len(named) > 100
    assert not [e.find_previous_sibling("dt")["id"] for e in named if not e.text.strip()]


def test_inventories_are_those_of_the_addresses():
    for name, project in [("python", "Python"), ("scipy", "SciPy")]:
        head = (Path("book/inventories") / f"{name}.inv").read_bytes().split(b"\n")[:2]
        assert head == [b"# Sphinx inventory version 2", f"# Project: {project}".encode()]
