"""The rooms of the package: imports run down the house, no room looks behind another's door."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[1] / "ibhelpers"
# From the ground up: a room may import from those before it. What stands at the top of the package
# alone is private, and common to all.
FLOORS = ["tasks", "kernels", "laws", "spaces", "networks", "bias", "bounds", "plots", "exercises"]
FLOORS += ["command_line"]


def imports_of(file):
    """(line, dotted path inside the package) of everything that a file imports from it."""
    package = ["ibhelpers", *file.relative_to(HOUSE).parts[:-1]]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):  # but for what is imported for a type checker alone
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            if base[:1] == ["ibhelpers"]:
                yield from ((node.lineno, [*base[1:], name.name]) for name in node.names)
        elif isinstance(node, ast.Import):
            for name in node.names:
                path = name.name.split(".")
                if path[0] == "ibhelpers":
                    yield node.lineno, path[1:]


def room_of(file):
    return file.relative_to(HOUSE).parts[0]


FILES = sorted(HOUSE.rglob("*.py"))
FILES_BY_NAME = {".".join(f.relative_to(HOUSE).with_suffix("").parts): f for f in FILES}


@pytest.mark.parametrize("file", FILES, ids=[str(f.relative_to(HOUSE)) for f in FILES])
def test_imports_run_down_and_into_public_rooms(file):
    room = room_of(file)
    if room not in FLOORS:  # a file at the top, such as the command line, may use every room
        return
    for line, path in imports_of(file):
        if not path or path[0].startswith("_"):
            continue
        where = f"{file.relative_to(HOUSE)}:{line}: {'.'.join(path)}"
        assert path[0] in FLOORS, where
        assert FLOORS.index(path[0]) <= FLOORS.index(room), f"{where} runs upward"
        private = [part for part in path if part.startswith("_")]
        assert path[0] == room or not private, f"{where} is private to its room"


def test_no_test_imports_another():
    """Else one file's fixtures and settings would change what another tests."""
    found = [
        f"{file.name}: {line.strip()}"
        for file in sorted(Path(__file__).parent.rglob("test_*.py"))
        for line in file.read_text("utf-8").splitlines()
        if re.match(r"\s*(from|import) (tests\.|\.)+(\w+\.)*test_", line)
    ]
    assert found == []


def test_a_file_that_its_room_keeps_for_itself_says_so_by_its_name():
    """One without an underscore is asked for in another room, or its room's door opens it."""
    asked = {FILES_BY_NAME[name] for name in FILES_BY_NAME if name.split(".")[-1] == "__init__"}
    asked |= set((HOUSE / "exercises").glob("chapter_*.py"))  # which are found by their names
    for file in FILES:
        asked |= {
            other
            for _, path in imports_of(file)
            for other in (FILES_BY_NAME.get(".".join(path)), FILES_BY_NAME.get(".".join(path[:-1])))
            if other and (file.name == "__init__.py" or room_of(other) != room_of(file))
        }
    kept = [f for f in FILES if room_of(f) in FLOORS and not f.name.startswith("_")]
    assert [str(f.relative_to(HOUSE)) for f in kept if f not in asked] == []


@pytest.mark.parametrize("file", [f for f in FILES if len(f.relative_to(HOUSE).parts) == 1])
def test_what_all_rooms_share_imports_no_room(file):
    if not file.name.startswith("_") or file.name in ("__init__.py", "__main__.py"):
        return
    rooms = {path[0] for _, path in imports_of(file) if path} & set(FLOORS)
    assert not rooms, rooms


def test_every_room_says_what_happens_there_and_what_is_public():
    for room in FLOORS:
        tree = ast.parse((HOUSE / room / "__init__.py").read_text(encoding="utf-8"))
        assert len(ast.get_docstring(tree).split()) >= 10, room
        names = [t.id for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
        assert "__all__" in names, room


def test_where_contributing_sends_a_stranger_there_is_something():
    root = HOUSE.parent
    table = re.findall(r"^\|.*", (root / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    paths = re.findall(r"`([a-z]+/[\w/.]*)`", "\n".join(table))
    assert len(paths) > 20
    assert not [path for path in paths if not (root / path).exists()]


def test_no_file_is_imported_in_a_circle():
    """Within a room too: every file but the rooms' own doors, by the modules they name."""
    edges = {}
    for name, file in FILES_BY_NAME.items():
        paths = [path for _, path in imports_of(file)]
        named = {".".join(p) for p in paths} | {".".join(p[:-1]) for p in paths}
        edges[name] = {m for m in named if m in FILES_BY_NAME and m != name}
    done, walking = set(), []

    def walk(name):
        assert name not in walking, " -> ".join([*walking, name])
        if name not in done:
            walking.append(name)
            for other in edges[name]:
                walk(other)
            done.add(walking.pop())

    for name in FILES_BY_NAME:
        walk(name)


def test_importing_loads_what_every_use_needs_and_no_more():
    heavy = "pandas matplotlib seaborn sklearn PIL IPython ipywidgets scipy.stats scipy.optimize"
    heavy += " scipy.special numpy.f2py psutil html"  # the second comes with the first
    code = (
        "import sys, ibhelpers as ib; [getattr(ib, name) for name in ib.__all__]; "
        f"print(*[name for name in {heavy.split()} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
