"""Find out what is wrong with an installation: one [OK] or [FAIL] line each, with what to do.

python -m ibhelpers_check            # where the course is installed
python scripts/ibhelpers_check.py    # in a clone of it

It stands beside the package, and nothing outside the standard library is imported before the check
that needs it: so it also runs where the package cannot be imported.
"""

from __future__ import annotations

import importlib
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

# As they are imported, where they have another name when they are installed: that one.
PACKAGES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "matplotlib": "matplotlib",
    "seaborn": "seaborn",
    "pandas": "pandas",
    "jaxtyping": "jaxtyping",
    "mpmath": "mpmath",
    "PIL": "pillow",
    "pooch": "pooch",
    "psutil": "psutil",
    "flint": "python-flint",
    "tqdm": "tqdm",
}


class Fault(Exception):
    """What is wrong, and what to do."""


def check() -> int:
    """Run every check and print its line; return 0 if all is well and 1 if not."""
    all_well = True
    for title, run in CHECKS.items():
        try:
            print(f"[OK]   {title}: {run()}")
        except Fault as fault:
            print(f"[FAIL] {title}: {fault}")
            all_well = False
    return 0 if all_well else 1


def python() -> str:
    """Whether this Python is recent enough."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 (someone may try an older one)
        raise Fault(f"{version}, but 3.11 or later is needed; install it, and make a new .venv")
    return f"{version} at {sys.executable}"


def packages() -> str:
    """Whether the packages that everything needs can be imported."""
    found, faults = [], {}
    for name in PACKAGES:
        try:
            found.append(f"{name} {getattr(_import(name), '__version__', '')}".strip())
        except Fault as fault:
            faults[name] = fault.__cause__
    if faults:
        reasons = "; ".join(f"{name} cannot be imported ({why})" for name, why in faults.items())
        raise Fault(f"{reasons}; {_install(*faults)}")
    return ", ".join(found)


def torch() -> str:
    """Whether PyTorch can be imported and computes in float64."""
    torch = _import("torch")
    a = torch.eye(2, dtype=torch.float64) * 2
    if not torch.allclose(torch.linalg.cholesky(a @ a), a):
        raise Fault(f"{torch.__version__} computes wrongly; install it again: {_install('torch')}")
    return f"{torch.__version__}, {torch.get_num_threads()} threads"


def device() -> str:
    """Which device PyTorch computes on, and whether it works."""
    torch = _import("torch")
    if not torch.cuda.is_available():
        return f"CPU, {os.cpu_count()} cores (no CUDA device, and none is needed)"
    name = torch.cuda.get_device_name()
    try:
        torch.ones(2, dtype=torch.float64, device="cuda").sum().item()
    except RuntimeError as error:
        raise Fault(
            f"{name} does not compute ({str(error).splitlines()[0]}); install the PyTorch build "
            "for its driver, or hide it (set the environment variable CUDA_VISIBLE_DEVICES to -1) "
            "and use the CPU"
        ) from error
    return f"{name} and CPU, {os.cpu_count()} cores"


def package() -> str:
    """Whether the package itself can be imported."""
    ibhelpers = _import("ibhelpers")
    return f"ibhelpers {ibhelpers.__version__} at {Path(str(ibhelpers.__file__)).parent}"


def shipped_data() -> str:
    """Whether the data that ships with the course is here and intact."""
    try:
        return _import("ibhelpers.tasks.commands").check_shipped()
    except ValueError as error:
        raise Fault(str(error)) from error


def cache() -> str:
    """Whether the folder for downloads can be written."""
    folder = Path(os.environ.get("IBHELPERS_DATA") or _import("pooch").os_cache("ibhelpers"))
    folder = folder.expanduser()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise Fault(
            f"{folder} cannot be written, so nothing can be downloaded; set IBHELPERS_DATA to a "
            "folder that can"
        )
    return str(folder)


def kernel() -> str:
    """Whether Jupyter has a Python kernel, and one that runs this very Python."""
    _import("ipykernel")
    spec = _import("jupyter_client.kernelspec").KernelSpecManager()
    register = f"register this Python with {_command('ipykernel', 'install', '--sys-prefix')}"
    try:
        started = spec.get_kernel_spec("python3").argv[0]
    except KeyError as error:
        raise Fault(f"Jupyter knows no kernel python3; {register}") from error
    # A bare name is this Python; else the folders tell, as every environment has one of its own.
    elsewhere = Path(started).parent.resolve() != Path(sys.executable).parent.resolve()
    if Path(started).name != started and elsewhere:
        raise Fault(f"Jupyter's kernel python3 runs {started}, not {sys.executable}; {register}")
    return f"python3 runs {sys.executable}"


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # a broken binary can raise anything
        raise Fault(f"{name} cannot be imported ({error}); {_install(name)}") from error


def _install(*names: str) -> str:
    """How to install what is imported under these names."""
    tops = [name.partition(".")[0] for name in names]
    if "ibhelpers" in tops:
        return "mend what fails above first; else install the course again (README, Two commands)"
    wanted = [PACKAGES.get(top, top) for top in tops]
    return f"`make quickstart` in a clone, or {_command('pip', 'install', *wanted)}, installs it"


def _command(*arguments: str) -> str:
    """A command for this Python, as this system's shell wants it."""
    words = [sys.executable, "-m", *arguments]
    return f"`{subprocess.list2cmdline(words) if os.name == 'nt' else shlex.join(words)}`"


CHECKS: dict[str, Callable[[], str]] = {
    "Python": python,
    "packages": packages,
    "torch": torch,
    "device": device,
    "package": package,
    "shipped data": shipped_data,
    "downloads": cache,
    "Jupyter": kernel,
}

if __name__ == "__main__":
    sys.exit(check())
