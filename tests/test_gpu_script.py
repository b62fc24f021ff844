"""`make gpu` is rehearsed without a card, by a Python that has torch, numpy and scipy alone."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.pretend_device import pretended_gpu

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts" / "gpu.py"

# Hides every package but these and what they need themselves.
BARE = """
import runpy, sys
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions

KEPT = {"torch", "torchgen", "functorch", "numpy", "scipy", "sympy", "mpmath", "typing_extensions",
        "filelock", "networkx", "jinja2", "markupsafe", "fsspec"}
HIDDEN = {name for name in packages_distributions() if name[0] != "_"} - KEPT - {"ibhelpers"}

class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in HIDDEN:
            return PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def gpu(monkeypatch):
    spec = importlib.util.spec_from_file_location("gpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gpu", module)
    spec.loader.exec_module(module)
    return module


def rehearsal(folder: Path) -> list[str]:
    return [sys.executable, "-c", BARE, str(SCRIPT), "--rehearse", "--out", str(folder)]


def test_a_rehearsal_fills_the_table(tmp_path):
    """Every stage is finished, and every check of agreement met; of speed it has no targets."""
    environment = {k: v for k, v in os.environ.items() if k != "IBHELPERS_DATA"}
    done = subprocess.run(
        rehearsal(tmp_path), capture_output=True, text=True, env=environment | {"PYTHONPATH": ""}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert record["rehearsal"]
    assert all(state.startswith("done") for state in record["stages"].values())
    rows = {row["what"]: row for row in record["figures"]}
    for what, row in rows.items():
        assert (row["value"] is None) == row["note"].startswith("not run"), what
        assert row.get("met", True), what
    met = [what for what, row in rows.items() if row.get("met")]
    for thing in (
        "posterior mean",
        "posterior cov",
        "law",
        "worth",
        "networks",
        "bridge",
        "splitting",
    ):
        assert sum(what.startswith(thing) for what in met) == 1, thing
    (note,) = (row["note"] for w, row in rows.items() if w.startswith("splitting through training"))
    assert re.fullmatch(r"8 runs of 16 networks .* at least [\d.]+ bits below [\d.]+ % error", note)
    table = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "A rehearsal" in table and record["machine"]["cpu"] in table
    assert all(f"| {what} |" in table for what in rows)


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_whoever_stops_it_keeps_what_was_measured(tmp_path):
    with subprocess.Popen(rehearsal(tmp_path), stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            if line.startswith("agreement"):
                break
        running.send_signal(signal.SIGTERM)
        said = running.stdout.read()
    assert running.returncode == 1
    record = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert record["stages"]["rates"].startswith("done")
    assert record["stages"]["agreement"].startswith("stopped")
    assert record["stages"]["networks"] == "not reached"
    assert "float64 product" in record["figures"][1]["what"]
    assert "- networks: not reached" in said


def test_a_stage_that_fails_or_takes_too_long_does_not_end_the_others(gpu, tmp_path, monkeypatch):
    def fails(bench):
        raise ValueError("this one fails")

    def waits(bench):
        bench.table.add("measured before", 1.0, "s", at_least=2)
        time.sleep(60)

    def works(bench):
        bench.table.add("measured after", 1e-12, at_most=1e-9)

    stages = {"fails": (fails, 9), "waits": (waits, 0.2), "works": (works, 9), "late": (works, 9)}
    monkeypatch.setattr(gpu, "STAGES", stages)
    record = {"date": "", "machine": {"gpu": None, "cpu": "", "cores": 1}, "versions": {}}
    record |= {"rehearsal": False, "seconds": 0.0, "stages": {}, "figures": []}
    bench = gpu.Bench(gpu.Table(tmp_path, record), gpu.FULL, "cpu")
    before = signal.getsignal(signal.SIGTERM)
    with gpu._stopped_by_signals():
        assert not gpu._run(bench, ["fails", "waits", "works"], time.monotonic() + 60)
        assert gpu._run(bench, ["works"], time.monotonic() + 60)
        assert not gpu._run(bench, ["late"], time.monotonic())
    assert signal.getsignal(signal.SIGTERM) == before
    kept = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert kept["stages"]["fails"] == "failed: ValueError: this one fails"
    assert kept["stages"]["waits"].startswith("stopped after")
    assert [row["met"] for row in kept["figures"]] == [False, True, True]
    assert "late" not in kept["stages"]
    table = (tmp_path / "gpu.md").read_text(encoding="utf-8")
    assert "| measured before | 1 s | at least 2 | NO |  |" in table
    assert "- fails: failed" in table


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
@pytest.mark.parametrize(
    "stage", ["rates", "agreement", "large law", "networks", "rare events", "training"]
)
def test_the_stages_on_a_pretended_card(gpu, tmp_path, monkeypatch, stage):
    """Nothing meets what is on the CPU; and the CPU, which computes both, agrees with itself."""
    record = gpu._record(True, [stage]) | {"float64_flops": 1e9}
    bench = gpu.Bench(gpu.Table(tmp_path, record), gpu.TINY, "cuda")
    for name in ("synchronize", "reset_peak_memory_stats", "max_memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, lambda: 0)
    # The pretence is of one thread.
    turn = lambda work, parts, *_, **__: (work(part, lambda amount: None) for part in parts)  # noqa: E731
    monkeypatch.setattr("ibhelpers.networks.space.in_order", turn)
    with pretended_gpu():
        gpu.STAGES[stage][0](bench)
    for row in record["figures"]:
        assert row.get("met", True), row
        if "largest" in row["what"]:
            assert row["value"] == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_how_to_rehearse(gpu, tmp_path, capsys):
    assert gpu.main(["--out", str(tmp_path / "none")]) == 1
    assert "make gpu REHEARSE=1" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_all_that_needs_cuda_is_in_the_file_that_the_script_runs():
    mark = "skipif(not torch.cuda." + "is_available()"
    files = [p.name for p in (ROOT / "tests").rglob("*.py") if mark in p.read_text("utf-8")]
    assert files == ["test_cuda.py"]
