"""The reference pages say what is so: symbols, words, data sets, results and runs."""

import importlib.util
import inspect
import json
import os
import re
import sys
import typing
from pathlib import Path

import nbformat
import pytest

import ibhelpers as ib
from ibhelpers.tasks._files import find
from ibhelpers.tasks.commands import DATASETS

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def page(name: str) -> str:
    return (BOOK / f"{name}.md").read_text(encoding="utf-8")


def load_module(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


run_notebooks = load_module(ROOT / "scripts" / "run_notebooks.py")
course_pages = load_module(BOOK / "_ext" / "course_pages.py")

# --- notation -----------------------------------------------------------------------------------

NAMES = sorted(set(re.findall(r"`(ib\.[\w.()]+)`", page("notation"))))


def exists(name: str) -> bool:
    """Whether there is ib.a.b, ib.a(argument) or ib.a.method().attribute of what it returns."""
    thing = ib
    for part in re.findall(r"\.\w+|\(\w*\)", name.removeprefix("ib")):
        if part == "()":
            thing = typing.get_type_hints(thing)["return"]
            thing = ib.laws.ScaledNoncentralChi2 if thing is typing.Self else thing
        elif part.startswith("("):
            if part.strip("()") not in inspect.signature(thing).parameters:
                return False
        elif hasattr(thing, part[1:]):
            thing = getattr(thing, part[1:])
        else:  # a field, or an attribute that its docstring lists
            documented = re.findall(r"^ *([\w, ]+) : ", inspect.getdoc(thing) or "", re.MULTILINE)
            hints = typing.get_type_hints(thing) if callable(thing) else ()
            return part[1:] in ", ".join([*hints, *documented]).split(", ")
    return True


def test_names_are_found_on_the_page():
    assert len(NAMES) > 30


@pytest.mark.parametrize("name", NAMES)
def test_every_code_name_exists(name):
    assert exists(name)


@pytest.mark.parametrize(
    "name", ["ib.GeneralisedChi2", "ib.laws.GeneralizedChi2.weight", "ib.GaussianSpace(noises)"]
)
def test_a_name_that_does_not_exist_is_noticed(name):
    assert not exists(name)


GREEK = "alpha beta gamma delta varepsilon epsilon eta theta kappa lambda mu nu xi pi rho sigma tau"
GREEK += " varphi phi chi psi omega ell Gamma Theta Lambda Sigma"
GREEK = {f"\\{name}" for name in GREEK.split()}
LAYOUT = r"\\(?:text|mathrm|operatorname|begin|end|label|mathbf)\s*\{[^{}]*\}"


def symbols(markdown: str) -> set[str]:
    """Letters, Latin and Greek, in the formulas of a text."""
    prose = re.sub(r"```\{?python.*?```|`[^`\n]*`", "", markdown, flags=re.DOTALL)
    formulas = re.findall(r"\$\$(.*?)\$\$|\$([^$]+?)\$", prose, re.DOTALL)
    tex = " ".join(re.sub(LAYOUT, " ", shown or inline) for shown, inline in formulas)
    commands = set(re.findall(r"\\[a-zA-Z]+", tex))
    return (commands & GREEK) | set(re.findall(r"[a-zA-Z]", re.sub(r"\\[a-zA-Z]+", " ", tex)))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_symbol_of_a_chapter_is_on_the_page(path):
    cells = nbformat.read(path, as_version=4).cells
    used = set().union(*(symbols(c.source) for c in cells if c.cell_type == "markdown"))
    assert not used - symbols(page("notation")) - {r"\pi", "g"}, "add it to book/notation.md"


# --- glossary -----------------------------------------------------------------------------------


def test_the_glossary_is_in_order_and_explains_each_word_once():
    terms = re.findall(r"^(\w[\w -]*)\n  \S", page("glossary"), re.MULTILINE)
    assert len(terms) > 30
    assert terms == sorted(set(terms), key=str.lower)
    linked = {  # {term}`word` or {term}`words <word>`
        " ".join((target or shown).split())
        for shown, target in re.findall(r"\{term\}`([^`<]+?)(?:\s*<([^>]+)>)?`", page("glossary"))
    }
    assert linked <= set(terms)


# --- data sets ----------------------------------------------------------------------------------

ROWS = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", page("datasets"), re.MULTILINE)


def test_every_task_is_on_the_page():
    assert {name for name, *_ in ROWS} == set(ib.tasks.available())


@pytest.mark.parametrize(("name", "inputs", "outputs"), ROWS)
def test_inputs_and_outputs_are_those_of_the_task(name, inputs, outputs):
    files = () if name in ("cifar10", "mnist") else DATASETS.get(name, ())
    if not all(map(find, files[:2])):
        pytest.skip(f"{name} is not on this machine: set IBHELPERS_DATA")
    few = 8 if name == "boolean" else 10  # there are 16 corners in all
    task = ib.tasks.load(name, n_train=few, n_test=few)
    assert task.X_train.shape[1] == int(inputs)
    assert task.y_train.shape[1] == int(outputs)


def test_the_files_are_those_that_the_package_checks():
    table = course_pages.files()
    for file in (file for files in DATASETS.values() for file in files):
        assert file.sha256 in table and f"{file.size:,}" in table
        assert (f"`{file.path}`, ships" in table) == (not file.urls)
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    assert all(
        file.sha256 in readme for files in DATASETS.values() for file in files if not file.urls
    )


@pytest.mark.parametrize("module", ["cifar10", "fashion_mnist", "mnist", "omniglot"])
def test_numbers_of_examples_are_those_of_the_docstring(module):
    (row,) = (line for line in page("datasets").splitlines() if line.startswith(f"| `{module}`"))
    says = ib.tasks.available()[module]
    for number in re.findall(r"\d+,\d{3}", row):
        assert number in says


# --- results and runs ---------------------------------------------------------------------------


def test_results_show_what_the_tagged_cells_printed():
    shown = course_pages.results()
    tagged = 0
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if "result" in cell.metadata.get("tags", []):
                tagged += 1
                outputs = [output.get("data", {}).get("text/html") for output in cell.outputs]
                outputs = [
                    html or run_notebooks.plain_text(output)
                    for html, output in zip(outputs, cell.outputs, strict=True)
                ]
                assert any(outputs) and all(output in shown for output in outputs), cell.source
    assert tagged


def test_a_disk_and_a_card_found_the_same_bits_of_all_of_mnist():
    card = (course_pages.CARDS / "h200.json").read_text(encoding="utf-8")
    bits, loss = re.search(r"([\d,.]+) bits at 0.3 of the mean loss ([\d.]+)", card).groups()
    found = json.loads((course_pages.DISKS / "all_of_mnist.json").read_text(encoding="utf-8"))
    on_disk = found["bits_at_shares_of_the_mean_loss"]["0.300"]
    assert (f"{on_disk:,.1f}", f"{found['mean_loss']:.5f}") == (bits, loss)
    assert f"| {on_disk:,.1f} |" in course_pages.results()


def test_small_workers_kept_within_their_memory():
    found = json.loads((course_pages.CLUSTERS / "two_workers.json").read_text(encoding="utf-8"))
    assert found["limit of each"] == "1GiB" and max(found["peak of memory, GiB"]) < 1
    assert f"| {found['bits at 0.01']:,.1f} |" in course_pages.results()


ROW = re.compile(r"^\| \[(\d\d)\]\(\.\./notebooks/(\w+\.ipynb)\) \| (.+) \| (.+) \|$", re.MULTILINE)
FIGURE = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?")


def test_the_table_of_results_has_every_chapter():
    assert [name for _, name, *_ in ROW.findall(page("results"))] == [p.name for p in NOTEBOOKS]


@pytest.mark.parametrize("row", ROW.findall(page("results")), ids=lambda row: row[0])
def test_numbers_of_the_table_of_results_were_printed_as_results(row):
    _, name, _, found = row
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    printed = "\n".join(result["text"] for result in run_notebooks.results(notebook))
    numbers = re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]\d+)?", printed)
    numbers = [float(number.replace(",", "")) for number in numbers]
    for figure in FIGURE.findall(found):
        digits = figure.replace(",", "")
        places = len(digits.partition(".")[2])
        if float(digits) > 1000 and not places:  # 12,810 is one of 1.281e+04
            places = len(digits.rstrip("0")) - len(digits)
        rounding = 0.5 * 10.0**-places
        assert any(abs(number - float(digits)) <= 1.001 * rounding for number in numbers), figure


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_record_of_runs_is_of_this_very_notebook(path):
    record = run_notebooks.records().get(path.stem, {})
    notebook = nbformat.read(path, as_version=4)
    assert record.get("sha256") == run_notebooks.fingerprint(notebook), (
        f"code or outputs changed since; run: python scripts/run_notebooks.py {path.name[:2]}"
    )
    # On a machine with other work only the processor's seconds say how long a reader waits.
    # Runs from before they were recorded are held to a wider limit by the clock.
    seconds = record.get("processor_seconds", record["seconds"] * 180 / 400)
    assert seconds < 180 and record["peak_memory_mib"] < 3 * 1024
    assert record["scale"] == "laptop"


def test_the_status_page_does_not_vouch_for_a_changed_notebook(monkeypatch):
    path = NOTEBOOKS[0]
    notebook = nbformat.read(path, as_version=4)
    record = {
        "date": "2001-02-03 04:05",
        "seconds": 6.0,
        "peak_memory_mib": 7,
        "versions": {"python": "8.9"},
        "machine": {"cpu": "Abacus", "cores": 1, "threads": 2, "gpu": None},
        "sha256": run_notebooks.fingerprint(notebook),
    }
    monkeypatch.setattr(course_pages.run_notebooks, "records", lambda: {path.stem: record})
    assert "2001-02-03 04:05 | 6 | 7 MiB | A |" in course_pages.status()
    assert "A: python 8.9; Abacus, 1 core, 2 threads" in course_pages.status()
    record["sha256"] = "another"
    assert "Abacus" not in course_pages.status()
    assert course_pages.recorded(path, notebook) is None


def test_results_show_what_was_measured_on_cards(tmp_path, monkeypatch):
    monkeypatch.setattr(course_pages, "CARDS", tmp_path)
    assert course_pages.cards()[-1] == course_pages.NO_CARD
    record = {
        "date": "2001-02-03 04:05",
        "seconds": 6.0,
        "rehearsal": False,
        "machine": {
            "gpu": "Slide rule", "gpu_memory_gib": 80.0, "cuda": "7.8", "cpu": "Abacus", "cores": 2
        },
        "versions": {"python": "8.9"},
        "stages": {"law": "done in 1 s", "networks": "not reached"},
        "figures": [
            {"what": "law", "value": 150.0, "unit": "s", "note": "a|b", "target": "at most 120",
             "met": False},
        ],
    }  # fmt: skip
    (tmp_path / "slide_rule.json").write_text(json.dumps(record), encoding="utf-8")
    shown = "\n".join(course_pages.cards())
    assert "{dropdown} Slide rule" in shown and course_pages.NO_CARD not in shown
    assert "Slide rule, 80 GiB, CUDA 7.8; Abacus, 2 cores. 2001-02-03 04:05 UTC, 6 s" in shown
    assert "| law | 150 s | at most 120 | NO | a/b |" in shown
    assert "- networks: not reached" in shown and "done in" not in shown


SMALL = [
    nbformat.v4.new_markdown_cell("# Title\n\n## Section"),
    nbformat.v4.new_code_cell('SCALE = "laptop"  # or "large"'),
    nbformat.v4.new_code_cell("print(SCALE)", metadata={"tags": ["result"]}),
    nbformat.v4.new_code_cell("from ipywidgets import *\n_ = interact(lambda x: print(x), x=3)"),
]


@pytest.fixture
def one_notebook(tmp_path, monkeypatch):
    """A folder with one small notebook, and records of its own."""
    path = tmp_path / "notebooks" / "42_small.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=SMALL), path)
    monkeypatch.setattr(run_notebooks, "NOTEBOOKS", path.parent)
    monkeypatch.setattr(run_notebooks, "RUNS", tmp_path / "runs.json")
    monkeypatch.setattr(run_notebooks, "LARGE", tmp_path / "large")
    return path


def test_a_run_is_written_back_and_recorded(one_notebook, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["run_notebooks.py"])
    run_notebooks.main()
    notebook = nbformat.read(one_notebook, as_version=4)
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2, 3]
    assert notebook.cells[2].outputs[0].text == "laptop\n"
    assert not any("execution" in cell.metadata for cell in notebook.cells)
    assert notebook.cells[3].outputs == [] and "widgets" not in notebook.metadata
    record = json.loads(run_notebooks.RUNS.read_text())["42_small"]
    assert record["sha256"] == run_notebooks.fingerprint(notebook)
    assert record["versions"]["python"] == sys.version.split()[0]
    assert record["machine"]["cores"] == os.cpu_count()
    assert 50 < record["peak_memory_mib"] < 4096 and record["seconds"] > 0


def test_a_large_run_leaves_the_notebook_alone(one_notebook, monkeypatch):
    before = one_notebook.read_bytes()
    monkeypatch.setattr(sys, "argv", ["run_notebooks.py", "--scale", "large", "42"])
    run_notebooks.main()
    assert one_notebook.read_bytes() == before and not run_notebooks.RUNS.exists()
    kept = json.loads((run_notebooks.LARGE / "42_small.json").read_text())
    assert kept["results"] == [{"section": "Section", "text": "large"}]
    assert kept["scale"] == "large" and kept["machine"]["cores"] == os.cpu_count()
    shown = course_pages.results()
    assert 'with SCALE = "large"' in shown and "```text\nlarge\n```" in shown


def test_a_notebook_without_the_switch_has_one_scale():
    with pytest.raises(SystemExit, match="one size only"):
        run_notebooks.to_large(nbformat.v4.new_notebook(cells=SMALL[:1]), "42_small")


def test_an_unknown_chapter_is_answered_with_the_known_ones(one_notebook):
    with pytest.raises(SystemExit, match="there are: 42"):
        run_notebooks.chosen(["43"])
