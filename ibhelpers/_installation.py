"""Find out what is wrong with an installation: one [OK] or [FAIL] line each, with what to do.

Nothing outside the standard library is imported before the check that needs it.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

# As they are imported; PIL is Pillow.
PACKAGES = ("numpy", "scipy", "sklearn", "matplotlib", "seaborn", "pandas")
PACKAGES += ("jaxtyping", "mpmath", "PIL", "pooch", "tqdm")
INSTALL = "in a clone of the course run `make quickstart`, or `pip install '.[course]'`"


class Fault(Exception):
    """What is wrong, and what to do."""


def check() -> int:
    """Run every check and print its line; return 0 if all is well and 1 if not."""
    all_well = True
    for title, run in CHECKS.items():
        try:
            print(f"[OK]   {title}: {run()}")
        except (Fault, ImportError) as fault:
            advice = "" if isinstance(fault, Fault) else f"; {INSTALL}"
            print(f"[FAIL] {title}: {fault}{advice}")
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
    found = {name: getattr(_import(name), "__version__", "") for name in PACKAGES}
    return ", ".join(f"{name} {version}".strip() for name, version in found.items())


def torch() -> str:
    """Whether PyTorch can be imported and computes in float64."""
    torch = _import("torch")
    a = torch.eye(2, dtype=torch.float64) * 2
    if not torch.allclose(torch.linalg.cholesky(a @ a), a):
        raise Fault(f"{torch.__version__} computes wrongly; install it again: {INSTALL}")
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
            "for its driver, or hide it with CUDA_VISIBLE_DEVICES= and use the CPU"
        ) from error
    return f"{name} and CPU, {os.cpu_count()} cores"


def shipped_data() -> str:
    """Whether the data that ships with the course is here and intact."""
    from .tasks import cifar10, mnist
    from .tasks._files import read

    try:
        sizes = [len(read(file)) for file in (mnist.SHIPPED, cifar10.SHIPPED)]
    except ValueError as error:
        raise Fault(str(error)) from error
    return f"{mnist.SHIPPED.path} and {cifar10.SHIPPED.path} intact, {sum(sizes) / 1e6:.1f} MB"


def cache() -> str:
    """Whether the folder for downloads can be written."""
    from .tasks._files import cache_folder

    folder = cache_folder()
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
    try:
        started = spec.get_kernel_spec("python3").argv[0]
    except KeyError as error:
        raise Fault(
            "Jupyter knows no kernel python3; register this Python with "
            f"`{sys.executable} -m ipykernel install --sys-prefix`"
        ) from error
    # A bare name is this Python; else the folders tell, as every environment has one of its own.
    elsewhere = Path(started).parent.resolve() != Path(sys.executable).parent.resolve()
    if Path(started).name != started and elsewhere:
        raise Fault(
            f"Jupyter's kernel python3 runs {started}, not {sys.executable}; register this Python "
            f"with `{sys.executable} -m ipykernel install --sys-prefix`"
        )
    return f"python3 runs {sys.executable}"


def _import(name: str):
    try:
        return importlib.import_module(name)
    except Exception as error:  # a broken binary can raise anything
        raise Fault(f"{name} cannot be imported ({error}); {INSTALL}") from error


CHECKS: dict[str, Callable[[], str]] = {
    "Python": python,
    "packages": packages,
    "torch": torch,
    "device": device,
    "shipped data": shipped_data,
    "downloads": cache,
    "Jupyter": kernel,
}
