"""A kernel whose values are kept on disk, for those that take minutes."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._warnings import warn
from .kernel import Kernel
from .pair import Pair


@dataclass(frozen=True)
class OnDisk(Kernel):
    """A kernel that computes each block of its matrix once and keeps it in a folder.

    A block is kept under the hash of all that made it: the kernel and its parameters, the numbers
    of the inputs, the package's code of kernels, the version of torch and the kind of device. So
    what is found is what would be computed. Blocks are kept one by one as they are done, and what
    was interrupted goes on with the next block. A file that is damaged is computed again.

    Its parameters are no longer free: `GaussianSpace.fit` chooses an amplitude and the noise, and
    keeps nothing but the one kernel it is given.

    Parameters
    ----------
    kernel : Kernel
        One of this package's, or a sum, product or multiple of such; not a function, whose code
        the hash cannot know.
    folder : str or path
        Made if it is not there. Delete files in it at any time.

    Raises
    ------
    ValueError
        If the kernel is none of those, or the folder cannot be made.

    Warns
    -----
    UserWarning
        If a file was damaged, or nothing could be written.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from ibhelpers.kernels import RBF
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kernel = OnDisk(RBF(1.0), folder)
    ...     twice = [kernel(np.eye(2)) for _ in range(2)]
    ...     files = len(os.listdir(folder))
    >>> files, torch.equal(*twice)
    (1, True)
    """

    kernel: Any
    folder: Any

    def __post_init__(self) -> None:
        """Validate the kernel, and make the folder."""
        _refuse_what_no_hash_knows(self.kernel)
        try:
            folder = Path(self.folder).resolve()
            folder.mkdir(parents=True, exist_ok=True)
        except (TypeError, OSError) as error:
            raise ValueError(
                f"folder: found {self.folder!r}, which cannot be made ({error}); give a path to a "
                "folder that may be written to."
            ) from None
        object.__setattr__(self, "folder", str(folder))

    @property
    def at_start(self) -> OnDisk:
        """The kernel before training, of a tangent kernel, in the same folder."""
        start = getattr(self.kernel, "at_start", None)
        if start is None:
            raise AttributeError(f"{self.kernel} is no tangent kernel")
        return OnDisk(start, self.folder)

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        made_by = self._made_by(A, B)
        name = hashlib.sha256(json.dumps(made_by).encode()).hexdigest()
        file = Path(self.folder) / f"{name}.kernel"
        found = _read(file, made_by, (len(A), len(B)))
        if found is None:
            found = self.kernel._tile(A, B).cpu()
            _write(file, made_by, found.numpy())
        return found.to(A.device)

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        return self.kernel._diagonal(A)

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return κ over the rows of a pair of short matrices, as a new array."""
        return pair.of_kernel(self, self._checked_tile).clone()

    def _made_by(self, A: Tensor, B: Tensor) -> dict[str, str]:
        """All that a block depends on, in words and hashes."""
        return {
            "kernel": repr(self.kernel),
            "A": _hash_of(A),
            "B": _hash_of(B),
            "code": _code(),
            "torch": torch.__version__,
            "device": A.device.type,
        }


def identity_of(kernel: Kernel, *arrays: Tensor) -> dict[str, str]:
    """All that a number computed from a kernel and some arrays depends on, in words and hashes.

    Raises
    ------
    ValueError
        If the kernel is none of this package, whose code no hash knows.
    """
    kernel = kernel.kernel if isinstance(kernel, OnDisk) else kernel
    _refuse_what_no_hash_knows(kernel)
    return {
        "kernel": repr(kernel),
        "arrays": " ".join(map(_hash_of, arrays)),
        "code": _code(),
        "torch": torch.__version__,
        "device": arrays[0].device.type,
    }


def _refuse_what_no_hash_knows(kernel: Any) -> None:
    own = isinstance(kernel, Kernel) and type(kernel).__module__.startswith(f"{__package__}.")
    if not own or type(kernel).__name__ in ("FunctionKernel", "OnDisk"):
        raise ValueError(
            f"kernel: found {kernel!r}; give a kernel of this package, such as "
            "ibhelpers.kernels.ConvNNGP(...): of a function of your own, the values that were kept "
            "could be those of an earlier edition."
        )
    for part in vars(kernel).values():
        if isinstance(part, Kernel):
            _refuse_what_no_hash_knows(part)


def _hash_of(A: Tensor) -> str:
    values = np.ascontiguousarray(A.cpu().numpy()) + 0.0  # which makes -0.0 of one kind with 0.0
    return hashlib.sha256(str(values.shape).encode() + values.tobytes()).hexdigest()


@functools.cache
def _code() -> str:
    """A hash of the code of all kernels."""
    total = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        total.update(file.read_bytes())
    return total.hexdigest()


def _read(file: Path, made_by: dict[str, str], shape: tuple[int, int]) -> Tensor | None:
    """The block that a file holds, if there is one and nothing in it has changed."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        warn(f"{file} could not be read ({error}); the kernel is computed.")
        return None
    head, _, values = content.partition(b"\n")
    expected = json.dumps({**made_by, "values": hashlib.sha256(values).hexdigest()}).encode()
    if head != expected or len(values) != 8 * shape[0] * shape[1]:
        warn(f"{file} is damaged; its part of the kernel is computed again.")
        return None
    return torch.from_numpy(np.frombuffer(values, "<f8").astype(np.float64).reshape(shape))


def _write(file: Path, made_by: dict[str, str], values: np.ndarray) -> None:
    """Keep a block: whole, or not at all."""
    content = np.ascontiguousarray(values, "<f8").tobytes()
    head = json.dumps({**made_by, "values": hashlib.sha256(content).hexdigest()}).encode()
    part = None
    try:
        handle, part = tempfile.mkstemp(".part", dir=file.parent)
        with os.fdopen(handle, "wb") as written:
            written.write(head + b"\n" + content)
            written.flush()
            os.fsync(written.fileno())
        os.replace(part, file)
    except OSError as error:
        if part is not None:
            Path(part).unlink(missing_ok=True)
        warn(f"{file} could not be written ({error}); the next call computes it again.")
