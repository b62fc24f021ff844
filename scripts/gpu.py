"""Every figure of a graphics card in one go, within eight minutes: ``make gpu``.

    python scripts/gpu.py [--out FOLDER] [--minutes 8] [--rehearse] [--only STAGE ...]

It needs this repository and a Python with PyTorch, NumPy and SciPy; nothing is installed, and
nothing downloaded. It runs the tests that need CUDA, checks that the card gives what the CPU gives,
and measures. After every figure it writes gpu.json and gpu.md into the folder, so that whatever
stops it (Ctrl-C, SIGTERM, the time, an error in one stage) leaves what was measured before.

All of MNIST is read from the folder in IBHELPERS_DATA; without it inputs of the same size are
drawn, and the table says so. A rehearsal has tiny sizes, and runs on a CPU too.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DIGITS = 1e-9  # to which the card and the CPU agree, relatively


@dataclass(frozen=True)
class Sizes:
    """How large everything is."""

    product: int  # rows of the matrices whose product says how fast float64 is
    n: int  # training and test examples of the largest law
    m: int
    digits: tuple[int, int]  # training and test examples of everything else
    networks: int
    alone: int  # networks trained on two CPU cores, to compare with
    epochs: int
    rare: tuple[int, int]  # training and test examples, error rate and particles of a rare event
    target: float
    particles: int
    width: int  # of networks that splitting trains, how many a run, moves a level, to how many bits
    trained: int
    moves: int
    bits: int


# More than 120 examples everywhere: fewer are conditioned in balls, for which a bare Python has not
# got the package.
FULL = Sizes(
    8192, 60_000, 10_000, (1000, 500), 10_000, 128, 10, (1000, 500), 0.05, 1000, 128, 200, 8, 40
)
TINY = Sizes(256, 300, 60, (100, 50), 8, 4, 2, (110, 15), 0.2, 50, 8, 16, 1, 3)


class Stopped(BaseException):
    """Time is up, or someone asked to stop. No Exception: nothing may take it for a failure."""


class Table:
    """The figures so far, on disk after each."""

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        self.folder, self.record = folder, record
        folder.mkdir(parents=True, exist_ok=True)
        self.write()

    def add(
        self,
        what: str,
        value: float | None,
        unit: str = "",
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        note: str = "",
    ) -> None:
        """One figure, and whether it meets its target."""
        row: dict[str, Any] = {"what": what, "value": value, "unit": unit, "note": note}
        if at_most is not None:
            row |= {"target": f"at most {at_most:g}", "met": value is not None and value <= at_most}
        if at_least is not None:
            met = value is not None and value >= at_least
            row |= {"target": f"at least {at_least:g}", "met": met}
        self.record["figures"].append(row)
        print("  " + " | ".join(_cells(row)), flush=True)
        self.write()

    def stage(self, name: str, state: str) -> None:
        """How a stage stands."""
        self.record["stages"][name] = state
        self.write()

    def write(self) -> None:
        """Both files, each whole or as it was before."""
        text = json.dumps(self.record, indent=1, ensure_ascii=False)
        for name, content in (("gpu.json", text + "\n"), ("gpu.md", markdown(self.record))):
            part = self.folder / f"{name}.part"
            part.write_text(content, encoding="utf-8")
            os.replace(part, self.folder / name)


def markdown(record: dict[str, Any], heading: str = "# On a graphics card") -> str:
    """The record as a table; the book shows it too."""
    m, versions = record["machine"], record["versions"]
    card = f"{m['gpu']}, {m['gpu_memory_gib']:.0f} GiB, CUDA {m['cuda']}" if m["gpu"] else "no card"
    with_what = ", ".join(f"{name} {version}" for name, version in versions.items())
    lines = [
        heading,
        "",
        f"{card}; {m['cpu']}, {m['cores']} cores. {record['date']} UTC, {record['seconds']:.0f} s; "
        f"{with_what}."
        + (" A rehearsal: sizes are tiny, and no target is meant." if record["rehearsal"] else "")
        + (f" {record['conditions']}" if "conditions" in record else ""),  # who ran it may say
        "",
        "| figure | value | target | met | note |",
        "|---|---:|---|---|---|",
        *(f"| {' | '.join(_cells(row))} |" for row in record["figures"]),
        "",
    ]
    unfinished = {k: v for k, v in record["stages"].items() if not v.startswith("done")}
    lines += [f"- {name}: {state}" for name, state in unfinished.items()]
    return "\n".join(lines).rstrip("\n") + "\n"


def _cells(row: dict[str, Any]) -> list[str]:
    value = "" if row["value"] is None else f"{row['value']:.3g} {row['unit']}".strip()
    met = {True: "yes", False: "NO", None: ""}[row.get("met")]
    return [row["what"], value, row.get("target", ""), met, row["note"].replace("|", "/")]


# --- a Python that has little else ---------------------------------------------------------------


def lend_what_is_missing() -> None:
    """Stand-ins for what the package imports, where it is not installed.

    Shapes are annotations and checked in tests alone; progress is not shown; free memory is asked
    of the system. A data folder is looked for with pooch only where none is named.
    """
    if _missing("jaxtyping"):
        _lend("jaxtyping", __getattr__=_shape_type)
    if _missing("tqdm"):
        _lend("tqdm", tqdm=_NoBar)
        _lend("tqdm.auto", tqdm=_NoBar)
    if _missing("psutil"):
        _lend("psutil", virtual_memory=_virtual_memory)
    if _missing("pooch"):
        os.environ.setdefault("IBHELPERS_DATA", str(ROOT / "data"))


def _missing(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return True
    return False


def _lend(name: str, **contents: Any) -> None:
    module = module_from_spec(ModuleSpec(name, None))
    vars(module).update(contents, __file__=__file__)
    sys.modules[name] = module


def _shape_type(name: str) -> type:
    if name.startswith("_"):  # what Python asks of every module
        raise AttributeError(name)
    return _Subscripted


class _Subscripted:
    def __class_getitem__(cls, item: object) -> type:
        return cls


class _NoBar:
    n = 0.0

    def __init__(self, *args: object, **options: object) -> None:
        pass

    def __enter__(self) -> _NoBar:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self, amount: float = 1) -> None:
        self.n += amount

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        pass

    def close(self) -> None:
        pass


def _virtual_memory() -> SimpleNamespace:
    return SimpleNamespace(available=os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


# --- the stages ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    """What every stage is given."""

    table: Table
    sizes: Sizes
    device: str  # "cuda", or "cpu" in a rehearsal without a card

    def target(self, **limits: float) -> dict[str, float]:
        """Targets of speed, which a rehearsal has none of."""
        return {} if self.sizes is TINY else limits

    def seconds(self, call: Callable[[], Any]) -> tuple[float, Any]:
        """How long a call takes until the card has finished, and what it returns."""
        self.wait()
        start = time.perf_counter()
        found = call()
        self.wait()
        return time.perf_counter() - start, found

    def wait(self) -> None:
        """Until the card has nothing left to do."""
        import torch

        if self.device == "cuda":
            torch.cuda.synchronize()


def cuda_tests(bench: Bench) -> None:
    """Run the tests that are skipped where there is no CUDA."""
    what = "tests that need CUDA: failed or skipped"
    if find_spec("pytest") is None:
        bench.table.add(what, None, note="not run: there is no pytest here")
        return
    # Only what these tests need: the project's own options ask for more packages.
    command = [sys.executable, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/test_cuda.py"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    counts = {w: int(c) for c, w in re.findall(r"(\d+) (passed|failed|error|skipped)", done.stdout)}
    bad = sum(count for word, count in counts.items() if word != "passed")
    passed = f"{counts.get('passed', 0)} passed"
    if bench.device == "cpu":
        bench.table.add(what, bad, note=f"{passed}; there is no card")
        return
    if done.returncode:
        print(done.stdout[-4000:], flush=True)
    ran = counts.get("passed", 0) > 0 and done.returncode == 0
    bench.table.add(what, bad if ran else None, at_most=0, note=passed)


def rates(bench: Bench) -> None:
    """What the card itself does: the measure of everything else."""
    import torch

    n = bench.sizes.product
    a, b = (torch.randn(n, n, dtype=torch.float64, device=bench.device) for _ in range(2))
    out = torch.empty_like(a)
    torch.mm(a, b, out=out)
    best = min(bench.seconds(lambda: torch.mm(a, b, out=out))[0] for _ in range(5))
    rate = 2 * n**3 / best
    bench.table.record["float64_flops"] = rate
    bench.table.add(f"float64 product of {n:,} x {n:,} matrices", rate / 1e12, "TFLOP/s")
    out.copy_(a)
    best = min(bench.seconds(lambda: out.copy_(a))[0] for _ in range(5))
    bench.table.add("copying, bytes read and written", 16 * n * n / best / 1e12, "TB/s")


def agreement(bench: Bench) -> None:
    """The card against the CPU."""
    import numpy as np

    import ibhelpers as ib

    add = bench.table.add
    task = _digits(bench.sizes.digits)
    kernel, noise = 0.06 * ib.kernels.RBF(5.4), 1e-4
    cpu, card = (
        ib.GaussianSpace(kernel, noise=noise, device=place) for place in ("cpu", bench.device)
    )
    here, there = cpu.posterior(task), card.posterior(task)
    for name in ("mean", "covariance"):
        one, other = getattr(here, name), getattr(there, name).cpu()
        add(f"posterior {name}: largest difference from the CPU's, over the largest entry",
            float((one - other).abs().max() / one.abs().max()), at_most=DIGITS)  # fmt: skip
    laws = [space.loss_law(task) for space in (cpu, card)]
    targets = float(laws[0].mean()) * np.geomspace(0.1, 0.9, 20)
    bits = [np.asarray(ib.inductive_bias(law, targets).bits) for law in laws]
    add(f"law: bits at 20 targets, {bits[0].min():.1f} to {bits[0].max():.1f}: largest relative "
        "difference", float(np.max(np.abs(bits[1] / bits[0] - 1))), at_most=DIGITS)  # fmt: skip
    worths = [ib.worth(space, task, float(targets[10])).training for space in (cpu, card)]
    off = float(np.abs(worths[1] - worths[0]).max() / np.abs(worths[0]).max())
    add("worth of training examples: largest difference from the CPU's, over the largest", off,
        at_most=DIGITS)  # fmt: skip
    _networks_agree(bench, task)
    _rare_events_agree(bench)


def _networks_agree(bench: Bench, task: Any) -> None:
    """Two steps in float64: after more, training amplifies the last digit."""
    import numpy as np
    import torch

    import ibhelpers as ib

    found = [
        ib.NetworkSpace(
            ib.networks.mlp(width=32, depth=2),
            epochs=1,
            batch_size=task.n_train // 2,
            dtype=torch.float64,
            device=place,
            chunk=4,
        ).train(task, 4, seed=0, curves=False, outputs=True, progress=False)
        for place in ("cpu", bench.device)
    ]
    one, other = (np.asarray(ensemble.outputs) for ensemble in found)
    bench.table.add(
        "networks in float64 after two steps of Adam: largest difference of an output, over the "
        "largest",
        float(np.abs(one - other).max() / np.abs(one).max()),
        at_most=DIGITS,
    )


def _rare_events_agree(bench: Bench) -> None:
    import ibhelpers as ib

    n_train, n_test = (110, 15) if bench.sizes is TINY else (110, 30)
    task, kernel = _digits((n_train, n_test)), 0.06 * ib.kernels.RBF(5.4)
    cpu, card = (ib.GaussianSpace(kernel, device=place) for place in ("cpu", bench.device))
    law = cpu.loss_law(task)
    target = 0.4 * float(law.mean())
    exact = ib.inductive_bias(law, target).bits
    found = ib.rare_event_bias(
        card, task, loss="mse", target_error=target, method="bridge", seed=0, progress=False
    )
    bench.table.add(
        f"bridge on the card to a squared error of {exact:.2f} bits exactly: distance from it, in "
        "half widths of the 95 % interval",
        _distance(found, exact),
        at_most=1,
        note=str(found),
    )
    both = [
        ib.rare_event_bias(
            space, task, loss="zero_one", target_error=0.1, method="splitting", seed=seed,
            progress=False,
        )
        for space, seed in ((cpu, 0), (card, 1))
    ]  # fmt: skip
    a, b = (_ends(bias) for bias in both)
    apart = abs(both[0].bits - both[1].bits) / math.hypot((a[1] - a[0]) / 2, (b[1] - b[0]) / 2)
    bench.table.add(
        "splitting to an error rate, card and CPU: difference, in half widths of the interval of a "
        "difference",
        apart,
        at_most=1,
        note=f"{both[0].bits:.2f} and {both[1].bits:.2f} bits",
    )


def _ends(bias: Any) -> tuple[float, float]:
    if bias.interval is None:
        raise ArithmeticError(f"the interval was refused: {bias.doubt}")
    return bias.interval


def _distance(bias: Any, exact: float) -> float:
    low, high = _ends(bias)
    return abs(float(bias.bits) - exact) / ((high - low) / 2)


def large_law(bench: Bench) -> None:
    """All of MNIST, exactly."""
    import numpy as np
    import torch

    import ibhelpers as ib
    from ibhelpers.spaces import Spectrum

    n, m, add = bench.sizes.n, bench.sizes.m, bench.table.add
    task, kernel = _largest_task(n, m)
    space = ib.GaussianSpace(kernel, noise=1e-4, device=bench.device)
    if bench.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    conditioning, posterior = bench.seconds(lambda: space.posterior(task))
    name = f"{n:,} training and {m:,} test examples"
    # Multiplications and additions: the factor, the solve, the covariance's lower half.
    flops = n**3 / 3 + n**2 * m + n * m**2
    add(f"{name}: conditioning", conditioning, "s", note=f"{space!r}; {task.source}")
    share = 100 * flops / conditioning / bench.table.record["float64_flops"]
    add("... its rate over that of the card's float64 products", share, "%",
        **bench.target(at_least=40), note=f"{flops / conditioning / 1e12:.3g} TFLOP/s")  # fmt: skip
    y = torch.tensor(task.y_test, device=bench.device)
    diagonalising, law = bench.seconds(lambda: Spectrum.of(posterior).loss_law(y))
    add(f"... diagonalising {m:,} x {m:,}, and the law", diagonalising, "s")
    mean = float(law.mean())
    targets = mean * np.geomspace(0.3, 0.9, 20)
    counting, bits = bench.seconds(lambda: np.asarray(ib.inductive_bias(law, targets).bits))
    note = f"{bits[0]:,.1f} bits at 0.3 of the mean loss {mean:.5f}, {bits[-1]:,.1f} at 0.9 of it"
    add("... bits at 20 targets", counting, "s", note=note)
    assert np.isfinite(bits).all() and (np.diff(bits) < 0).all(), f"bits: found {bits}"
    total = conditioning + diagonalising + counting
    add(f"exact law of {name}, bits at 20 targets, in all", total, "s", **bench.target(at_most=120))
    if bench.device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**30
        foretold = space.memory_needed(task) / 2**30
        add("... peak memory", peak, "GiB", note=f"foretold {foretold:.1f} GiB")


def networks(bench: Bench) -> None:
    """Thousands of networks at once, and beside two CPU cores."""
    import torch

    import ibhelpers as ib

    task = _digits(bench.sizes.digits)
    n, alone = bench.sizes.networks, bench.sizes.alone

    def train(count: int, place: str) -> Any:
        space = ib.NetworkSpace(
            ib.networks.mlp(width=32, depth=2),
            epochs=bench.sizes.epochs,
            batch_size=20,
            device=place,
        )
        return space.train(task, count, seed=0, curves=False, progress=False)

    train(2, bench.device)  # libraries are loaded, kernels chosen
    fast, ensemble = bench.seconds(lambda: train(n, bench.device))
    loss = float(ensemble.test_loss.mean())
    what = f"{n:,} MLPs of width 32, {bench.sizes.epochs} epochs of {task.n_train:,} digits"
    note = f"batches of 20, Adam; mean test loss {loss:.4f}"
    bench.table.add(what, fast, "s", **bench.target(at_most=60), note=note)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        slow, beside = bench.seconds(lambda: train(alone, "cpu"))
    finally:
        torch.set_num_threads(threads)
    bench.table.add(
        f"... times faster than two cores of this machine, which trained {alone} of them",
        (slow / alone) / (fast / n),
        "times",
        **bench.target(at_least=20),
        note=f"{1e3 * slow / alone:.3g} and {1e3 * fast / n:.3g} ms a network; their mean test "
        f"loss {float(beside.test_loss.mean()):.4f}",
    )


def rare_events(bench: Bench) -> None:
    """The bits of an error rate, by splitting and by a bridge."""
    import ibhelpers as ib

    sizes = bench.sizes
    task = _digits(sizes.rare)
    took, space = bench.seconds(lambda: ib.GaussianSpace.fit(task, device=bench.device))
    note = f"; {space!r}, which took {took:.1f} s to choose"
    what = f"to {100 * sizes.target:g} % error, MNIST {sizes.rare[0]}/{sizes.rare[1]}"
    for method, target in (("splitting", {}), ("bridge", bench.target(at_most=10))):
        took, bias = bench.seconds(
            lambda method=method: ib.rare_event_bias(
                space,
                task,
                loss="zero_one",
                target_error=sizes.target,
                method=method,
                particles=sizes.particles,
                seed=0,
                progress=False,
            )
        )
        reliable = "" if bias.interval else ", not reliable"
        answer = f"{bias.bits:.1f} bits{reliable}"
        name = f"{method} {what}, {sizes.particles:,} particles"
        bench.table.add(name, took, "s", **target, note=f"{answer}{note}")
        note = ""


def training(bench: Bench) -> None:
    """The error rate of trained networks that so many bits buy: networks trained at every move."""
    import ibhelpers as ib

    sizes = bench.sizes
    task = _digits((100, 100))
    space = ib.NetworkSpace(
        ib.networks.mlp(width=sizes.width, depth=1),
        lr=0.003,
        epochs=20,
        batch_size=None,
        device=bench.device,
    )
    took, bias = bench.seconds(
        lambda: ib.rare_event_bias(
            space,
            task,
            loss="zero_one",
            target_error=0.0,
            max_bits=sizes.bits,
            particles=sizes.trained,
            moves=sizes.moves,
            seed=0,
            progress=False,
        )
    )
    runs = bias.trace.runs
    reached = max(run.threshold[-1] for run in runs)
    bench.table.add(
        f"splitting through training, {sizes.bits} bits, width {sizes.width}",
        took,
        "s",
        note=f"{len(runs)} runs of {sizes.trained} networks on MNIST 100/100, half of them with "
        f"twice the moves: at least {bias.bits:.1f} bits below {100 * reached:g} % error",
    )


# Each with the seconds that it may take on a card.
STAGES: dict[str, tuple[Callable[[Bench], None], float]] = {
    "tests": (cuda_tests, 90),
    "rates": (rates, 30),
    "agreement": (agreement, 100),
    "large law": (large_law, 150),
    "networks": (networks, 120),
    "rare events": (rare_events, 120),
    "training": (training, 150),
}


def _digits(sizes: tuple[int, int]) -> Any:
    import ibhelpers as ib

    return ib.tasks.load("mnist", n_train=sizes[0], n_test=sizes[1])


def _largest_task(n: int, m: int) -> tuple[Any, Any]:
    """All of MNIST where it is at hand, and a kernel; else inputs of the same size."""
    import numpy as np

    import ibhelpers as ib
    from ibhelpers.tasks import mnist
    from ibhelpers.tasks._files import find

    kernel = 0.06 * ib.kernels.RBF(5.4)
    if n + m <= mnist.AVAILABLE:
        return ib.tasks.load("mnist", n_train=n, n_test=m), kernel
    if all(find(file) for file in mnist.PUBLISHED):
        task = ib.tasks.load("mnist", n_train=n, n_test=m, balanced=False, full=True)
        return task, kernel
    rng = np.random.default_rng(0)
    X, labels = rng.random((n + m, 784)), rng.integers(0, 10, n + m)
    y = np.eye(10)[labels]
    source = "synthetic: uniform inputs and random labels, as IBHELPERS_DATA has not all of MNIST"
    task = ib.Task(X[:n], y[:n], X[n:], y[n:], name="synthetic", source=source)
    return task, 0.06 * ib.kernels.RBF(11.0)


# --- running them --------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """Run the stages; 0 if all were finished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "gpu-table", metavar="FOLDER")
    parser.add_argument("--minutes", type=float, default=8.0, help="stop after so many")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes, and no card needed")
    parser.add_argument("--only", nargs="+", choices=list(STAGES), metavar="STAGE")
    args = parser.parse_args(arguments)
    ends = time.monotonic() + 60 * args.minutes
    lend_what_is_missing()
    sys.path.insert(0, str(ROOT))
    for name in ("torch", "numpy", "scipy"):
        if find_spec(name) is None:
            print(f"There is no {name} in {sys.executable}; give a Python that has it: "
                  "make gpu PYTHON=...", file=sys.stderr)  # fmt: skip
            return 1
    import torch

    if not torch.cuda.is_available() and not args.rehearse:
        print("PyTorch finds no CUDA device here. To rehearse without one: make gpu REHEARSE=1",
              file=sys.stderr)  # fmt: skip
        return 1
    device = "cuda" if torch.cuda.is_available() else "cpu"
    names = args.only or list(STAGES)
    table = Table(args.out, _record(args.rehearse, names))
    bench = Bench(table, TINY if args.rehearse else FULL, device)
    finished = False
    with suppress(Stopped), _stopped_by_signals():
        finished = _run(bench, names, ends)
    print(f"\n{markdown(table.record)}\nwritten to {table.folder}", flush=True)
    return 0 if finished else 1


def _run(bench: Bench, names: list[str], ends: float) -> bool:
    """Stage after stage, each within its own time and the time of all."""
    table, began = bench.table, time.monotonic()
    finished = True
    for name in names:
        work, limit = STAGES[name]
        start, limit = time.monotonic(), min(limit, ends - time.monotonic())
        if limit <= 0:
            return False
        alarm = _Alarm(limit)
        try:
            print(f"{name} ...", flush=True)
            table.stage(name, "running")
            try:
                work(bench)
            finally:
                alarm.cancel()
            state = f"done in {time.monotonic() - start:.1f} s"
        except Stopped:
            state = f"stopped after {time.monotonic() - start:.0f} s"
        except Exception as error:
            traceback.print_exc()
            state = f"failed: {type(error).__name__}: {str(error)[:300]}".replace("\n", " ")
        table.record["seconds"] = round(time.monotonic() - began, 1)
        table.stage(name, state)
        print(f"  {state}", flush=True)
        finished &= state.startswith("done")
        if state.startswith("stopped") and not alarm.rang:
            return False  # by someone else
        _forget(bench)
    return finished


def _forget(bench: Bench) -> None:
    """Give the card's memory back between stages."""
    import gc

    import torch

    gc.collect()
    if bench.device == "cuda":
        torch.cuda.empty_cache()


class _Alarm:
    """Interrupts the main thread after some seconds, also where it waits."""

    def __init__(self, seconds: float) -> None:
        self.rang = False
        self._timer = threading.Timer(seconds, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def _ring(self) -> None:
        self.rang = True
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
        else:
            importlib.import_module("_thread").interrupt_main(signal.SIGTERM)

    def cancel(self) -> None:
        self._timer.cancel()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    def stop(number: int, frame: object) -> None:
        raise Stopped

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _record(rehearsal: bool, names: list[str]) -> dict[str, Any]:
    """When, where and with what; the figures are still to come."""
    import numpy
    import scipy
    import torch

    import ibhelpers

    card = torch.cuda.get_device_properties(0) if torch.cuda.is_available() else None
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "rehearsal": rehearsal,
        "seconds": 0.0,
        "machine": {
            "gpu": card.name if card else None,
            "gpu_memory_gib": round(card.total_memory / 2**30, 1) if card else None,
            "cuda": torch.version.cuda,
            "cpu": _processor(),
            "cores": os.cpu_count(),
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "scipy": scipy.__version__,
            "ibhelpers": ibhelpers.__version__,
        },
        "stages": dict.fromkeys(names, "not reached"),
        "figures": [],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
