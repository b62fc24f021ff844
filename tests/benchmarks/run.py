"""Print one table of everything that is measured: ``make bench``.

    python tests/benchmarks/run.py [NAME ...]

NAME is a file's, without ``bench_``: fit, law, tails, rare, tasks, kernels, networks; all without
it. A target is an upper limit, except where the unit is "times" or "%". Nothing here fails a build:
times belong to a machine, and this prints which.
"""

import importlib
import os
import platform
import sys
from pathlib import Path

import pandas as pd
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))


def main(names: list[str]) -> int:
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    if unknown := set(names) - set(known):
        print(f"There is no benchmark {sorted(unknown)}; there are {known}.", file=sys.stderr)
        return 1
    rows = []
    for name in names or known:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        module = importlib.import_module(f"tests.benchmarks.bench_{name}")
        rows += [{"benchmark": name} | row for row in module.rows()]
    table = pd.DataFrame(rows).reindex(
        columns=["benchmark", "what", "value", "unit", "target", "note"]
    )
    table.insert(5, "met", [met(row) for row in rows])
    table["value"] = [f"{value:.3g}" for value in table["value"]]
    table["target"] = ["" if pd.isna(target) else f"{target:.3g}" for target in table["target"]]
    table["note"] = [row.get("note") or "" for row in rows]
    print(table.to_string(index=False, max_colwidth=90))
    print(
        f"\n{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"{torch.get_num_threads()} threads; PyTorch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )
    return 0


def met(row: dict) -> str:
    target = row.get("target")
    if target is None:
        return ""
    more_is_better = row["unit"] in ("times", "%")
    return "yes" if (row["value"] >= target) == more_is_better else "NO"


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
