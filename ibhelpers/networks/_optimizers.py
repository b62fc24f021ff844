"""Element-wise optimizers of torch.optim, and learning-rate schedules, by name.

An optimizer may train stacked networks together only if it treats every number by itself: one that
mixes the entries of a parameter (LBFGS, Muon, Adafactor, gradient clipping by norm) would mix
networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

Schedule = Callable[[float], float]

_OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
}
OPTIMIZERS = tuple(_OPTIMIZERS)

SCHEDULES: dict[str, Schedule] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
    "linear": lambda progress: 1.0 - progress,
}


def make_optimizer(
    name: str,
    parameters: Iterable[Tensor],
    *,
    lr: float,
    weight_decay: float,
    options: Mapping[str, Any],
    plain: bool = False,
) -> torch.optim.Optimizer:
    """Return the named optimizer of torch.optim for stacked parameters.

    A plain one steps parameter after parameter in torch's reference code, without fused kernels.

    Raises
    ------
    ValueError
        If it does not take the options.
    """
    kind, defaults = _OPTIMIZERS[name]
    for twice in {"lr", "weight_decay"} & set(options):
        raise ValueError(
            f"optimizer_options: found {twice!r}, which is an argument of its own; give {twice}=."
        )
    settings = {**defaults, "lr": lr, "weight_decay": weight_decay, **options}
    # One pass over the memory instead of several, and memory is what an optimizer waits for.
    if kind is not torch.optim.RMSprop:
        settings.setdefault("fused", True)
    if plain:
        settings |= {"foreach": False} | ({"fused": False} if "fused" in settings else {})
    try:
        return kind(list(parameters), **settings)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"optimizer_options: found {dict(options)!r}, which torch.optim.{kind.__name__} "
            f"refuses ({error}); see its documentation."
        ) from None
