"""The public names: all there, none hidden by a module, all documented."""

import inspect
import types

import pytest

import ibhelpers as ib

MODULES = {
    "bounds",
    "compare",
    "kernels",
    "laws",
    "losses",
    "networks",
    "paper",
    "plots",
    "spaces",
    "tasks",
}


@pytest.mark.parametrize("name", ib.__all__)
def test_every_public_name_is_there_and_documented(name):
    found = getattr(ib, name)
    assert inspect.getdoc(found)
    assert isinstance(found, types.ModuleType) == (name in MODULES)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_public_name_of_a_module_is_documented(module):
    module = getattr(ib, module)
    for name in module.__all__:
        assert name in ("COLOURS", "MARKERS", "Loss", "Architecture") or inspect.getdoc(
            getattr(module, name)
        )
