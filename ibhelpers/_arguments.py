"""What the package takes as arguments: checked, and converted to one type."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ._arrays import real

ArrayLike: TypeAlias = Any  # a number, a sequence, an array or a tensor; `as_float64` checks it
Values: TypeAlias = Any  # of the kind of the argument: a float, an array or a tensor


def positive(name: str, value: Any) -> float:
    """Return ``value`` as a float, or raise a ValueError unless it is positive and finite."""
    value = number(name, value)
    if not 0.0 < value < math.inf:
        raise ValueError(f"{name}: found {value}; give a positive, finite number.")
    return value


def non_negative(name: str, value: Any) -> float:
    """Return ``value`` as a float, or raise a ValueError unless it is at least 0 and finite."""
    value = number(name, value)
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{name}: found {value}; give a finite number of at least 0.")
    return value


def finite(name: str, value: Any) -> float:
    """Return ``value`` as a float, or raise a ValueError unless it is finite."""
    value = number(name, value)
    if not math.isfinite(value):
        raise ValueError(f"{name}: found {value!r}; give a finite number.")
    return value


def at_least_one(name: str, value: Any) -> float:
    """Return ``value`` as a float, or raise a ValueError unless it is at least 1 and finite."""
    value = number(name, value)
    if not 1.0 <= value < math.inf:
        raise ValueError(f"{name}: found {value}; give a finite number of at least 1.")
    return value


def whole(name: str, value: Any, *, at_least: int, at_most: int | None = None) -> int:
    """Return ``value`` as an int, or raise a ValueError unless it is whole and in its range."""
    is_number = isinstance(value, int | np.integer)  # which bool and durations call themselves
    is_whole = is_number and not isinstance(value, bool | np.timedelta64)
    if not is_whole or value < at_least or (at_most is not None and value > at_most):
        limits = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
        raise ValueError(f"{name}: found {value!r}; give a whole number {limits}.")
    return int(value)


def seed_of(seed: Any) -> int:
    """Return a seed as an int, or raise a ValueError unless it is one; of any size."""
    return whole("seed", seed, at_least=0)


def generator_of(seed: Any) -> np.random.Generator:
    """Return NumPy's generator of a seed, or raise a ValueError unless it is one."""
    return np.random.default_rng(seed_of(seed))


def torch_generator_of(seed: Any, device: torch.device | str = "cpu") -> torch.Generator:
    """Return torch's generator of a seed, or raise a ValueError unless it is one.

    On a CPU that takes 64 bits and looks at 32 of them: 2**32 would be another name of 0.
    """
    return torch.Generator(device).manual_seed(seed_of_bits(32, seed))


def seed_of_bits(bits: int, seed: Any) -> int:
    """Return a seed for a library that takes 32 or 64 bits, or raise a ValueError.

    Seeds that fit are taken as they are; of larger ones, such as ``secrets.randbits(128)``,
    NumPy's SeedSequence makes so many bits, to which every bit of the seed matters.
    """
    seed = seed_of(seed)
    if seed < 2**bits:
        return seed
    kind = np.dtype(f"uint{bits}")
    return int(np.random.SeedSequence(seed).generate_state(1, kind)[0])


def one_of(name: str, value: Any, known: Iterable[str]) -> str:
    """Return a known name, or list the known ones and suggest the nearest."""
    known = sorted(known)
    if not isinstance(value, str) or value not in known:
        near = difflib.get_close_matches(str(value), known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name}: found {value!r}; known are {', '.join(known)}.{hint}")
    return value


def number(name: str, value: Any) -> float:
    """Return a number, or an array or tensor of one number, as a float."""
    if type(value) is float:
        return value
    try:
        found = real(name, value)
    except ValueError:
        found = np.empty(0)
    if found.dtype in (bool, torch.bool) or math.prod(found.shape) != 1:
        raise ValueError(f"{name}: found {value!r}; give one number.")
    return float(found.item())


def several(name: str, value: Any, what: str) -> list[Any]:
    """Return the elements of an iterable as a list, or raise a ValueError that says what to give.

    Text is one thing, not several letters.
    """
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return list(value)
    except TypeError:
        raise ValueError(
            f"{name}: found {_brief(value)}; give several, such as a list of {what}."
        ) from None


def by_name(name: str, value: Any, what: str) -> dict[Any, Any]:
    """Return a mapping as a dict, or raise a ValueError that says what to give."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: found {_brief(value)}; give a mapping, such as {what}.")
    return dict(value)


def file_name(name: str, value: Any) -> Path:
    """Return a path, or raise a ValueError unless there is one."""
    if not isinstance(value, (str, os.PathLike)):
        raise ValueError(f"{name}: found {_brief(value)}; give the name of a file.")
    return Path(value)


def _brief(value: Any) -> str:
    return repr(value) if isinstance(value, (str, float, int)) else f"a {type(value).__name__}"


def available_device(device: Any) -> torch.device:
    """Return the torch.device asked for, the CPU by default, or say which ones there are."""
    try:
        chosen = torch.device("cpu" if device is None else device)
        torch.zeros(1, device=chosen).item()  # it is there, and gives numbers
    except (TypeError, RuntimeError, AssertionError) as error:
        have = ["'cpu'"] + [f"'cuda:{i}'" for i in range(torch.cuda.device_count())]
        raise ValueError(
            f"device: found {device!r}, which cannot be used here "
            f"({str(error).splitlines()[0]}); this machine has {', '.join(have)}."
        ) from None
    return chosen


def probability(name: str, value: Any) -> float:
    """Return ``value`` as a float, or raise a ValueError unless it lies between 0 and 1."""
    value = number(name, value)
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name}: found {value}; give a number between 0 and 1, such as 0.95.")
    return value


def as_array(name: str, x: ArrayLike) -> np.ndarray:
    """Real numbers of any kind as a float64 array."""
    return as_float64(name, x).cpu().numpy()


def as_float64(name: str, x: ArrayLike) -> Tensor:
    """Real numbers of any kind as a float64 tensor; a tensor stays on its device."""
    found = real(name, x)
    if isinstance(found, Tensor):
        return found.to(torch.float64)
    with np.errstate(over="ignore"):  # of more precise numbers; infinity is the caller's to judge
        return torch.from_numpy(np.array(found, dtype=np.float64))
