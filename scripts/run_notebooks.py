"""Run notebooks from top to bottom, and record that and how they ran.

python scripts/run_notebooks.py                    # every notebook, in order
python scripts/run_notebooks.py 05 06              # these
python scripts/run_notebooks.py --scale large 10   # with SCALE = "large"

Outputs go back into the notebook, and book/runs.json says when, where and with what it ran; the
book's page "Status" shows it. A notebook in which a cell fails stays as it was. A run with
SCALE = "large" leaves the notebook alone: what its cells tagged "result" printed, and the cost, go
to book/large/, and from there to the book's page "Results".
"""

import argparse
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
RUNS = ROOT / "book" / "runs.json"
LARGE = ROOT / "book" / "large"
SWITCH = re.compile(r'^SCALE = "laptop"', re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"

# What the kernel says of itself, once it has run the last cell.
PROBE = """
import json, os, platform, resource, sys, time
from importlib.metadata import version
busy = time.process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import ibhelpers, torch

def cpu():
    try:
        lines = open("/proc/cpuinfo").read().splitlines()
        return next(l.split(":")[1].strip() for l in lines if l.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()

packages = ("torch", "numpy", "scipy")
print(json.dumps({
    "processor_seconds": round(busy, 1),
    "peak_memory_mib": round(peak / (2**20 if sys.platform == "darwin" else 2**10)),
    "versions": {"python": platform.python_version()} | {p: version(p) for p in packages}
    | {"ibhelpers": ibhelpers.__version__},
    "machine": {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    },
}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="NN", help="their numbers; all if none")
    parser.add_argument("--scale", choices=["laptop", "large"], default="laptop")
    args = parser.parse_args()
    for path in chosen(args.chapters):
        notebook = nbformat.read(path, as_version=4)
        if args.scale == "large":
            to_large(notebook, path.name)
        print(f"{path.stem} ...", end=" ", flush=True)
        record = run(notebook, path.parent) | {"scale": args.scale}
        print(f"{record['seconds']:.0f} s, {record['peak_memory_mib']:,} MiB")
        if args.scale == "large":
            write_json(LARGE / f"{path.stem}.json", record | {"results": results(notebook)})
            continue
        nbformat.write(notebook, path)
        write_json(RUNS, records() | {path.stem: record | {"sha256": fingerprint(notebook)}})


def chosen(numbers: list[str]) -> list[Path]:
    """The notebooks with these numbers, or all of them."""
    found = {path.name[:2]: path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}
    if unknown := set(numbers) - set(found):
        raise SystemExit(
            f"no notebook begins with {', '.join(sorted(unknown))}; there are: " + ", ".join(found)
        )
    return [path for number, path in found.items() if not numbers or number in numbers]


def to_large(notebook: nbformat.NotebookNode, name: str) -> None:
    """Turn the switch at the top of a notebook, in memory."""
    switches = [cell for cell in notebook.cells if SWITCH.search(cell.source)]
    if not switches:
        raise SystemExit(f'{name}: no line begins with SCALE = "laptop"; it has one size only')
    for cell in switches:
        cell.source = SWITCH.sub('SCALE = "large"', cell.source)


def run(notebook: nbformat.NotebookNode, folder: Path) -> dict:
    """Run every cell, tidy the outputs, and return when, how long and on what."""
    probe = nbformat.v4.new_code_cell(PROBE)
    notebook.cells.append(probe)
    client = NotebookClient(
        notebook,
        timeout=None,
        startup_timeout=600,
        coalesce_streams=True,
        resources={"metadata": {"path": folder}},
    )
    client.widget_registry.clear()  # what it does for output widgets can wait for ever
    started, clock = datetime.now(UTC), time.monotonic()
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})
    seconds = time.monotonic() - clock
    notebook.cells.pop()
    slow = slow_cells(notebook)
    tidy(notebook)
    said = json.loads(probe.outputs[0].text)
    when = {"date": f"{started:%Y-%m-%d %H:%M}", "seconds": round(seconds, 1)}
    return when | said | {"slow_cells": slow}


def slow_cells(notebook: nbformat.NotebookNode) -> dict[str, float]:
    """The seconds of every cell that takes more than two, by the cell's id."""
    found = {}
    for cell in notebook.cells:
        times = cell.metadata.get("execution", {})
        ends = [times.get(f"iopub.{end}") for end in ("execute_input", "status.idle")]
        if all(ends):
            began, ended = (datetime.fromisoformat(end.replace("Z", "+00:00")) for end in ends)
            if (took := (ended - began).total_seconds()) > 2:
                found[cell.id] = round(took, 1)
    return found


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Drop times of execution, sliders and progress bars: they are nothing without a kernel."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if any(WIDGET in out.get("data", {}) for out in cell.get("outputs", [])):
            slider = "interact(" in cell.source  # and whatever it shows
            kept = [out for out in cell.outputs if WIDGET not in out.get("data", {})]
            cell.outputs = [] if slider else kept


def tagged(notebook: nbformat.NotebookNode) -> Iterator[tuple[str, nbformat.NotebookNode]]:
    """Every cell tagged "result", with the section that it stands in."""
    section = ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ (.+)$", cell.source, re.MULTILINE)
            section = headings[-1] if headings else section
        elif "result" in cell.metadata.get("tags", []):
            yield section, cell


def results(notebook: nbformat.NotebookNode) -> list[dict]:
    """The section and the printed text of every cell tagged "result"."""
    return [
        {
            "section": section,
            "text": "\n".join(filter(None, map(plain_text, cell.outputs))).rstrip("\n"),
        }
        for section, cell in tagged(notebook)
    ]


def plain_text(output: nbformat.NotebookNode) -> str:
    """What an output says in plain text: what was printed, or the text of a table."""
    if output.output_type == "stream":
        return output.text.rstrip("\n") if output.name == "stdout" else ""
    data = output.get("data", {})
    return data["text/plain"] if "text/html" in data else ""


def fingerprint(notebook: nbformat.NotebookNode) -> str:
    """SHA-256 of code and outputs: a record holds for the notebook with this one.

    The cell that installs the course is left out: whoever hosts a copy writes an address into it.
    """
    code = [
        (cell.source, cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", [])
    ]
    return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()


def records() -> dict[str, dict]:
    """The record of every notebook that was run, by its name."""
    return json.loads(RUNS.read_text(encoding="utf-8")) if RUNS.exists() else {}


def write_json(path: Path, content: dict) -> None:
    path.parent.mkdir(exist_ok=True)
    ordered = json.dumps(dict(sorted(content.items())), indent=1, ensure_ascii=False)
    path.write_text(ordered + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
