"""Arguments that must be of a class: an array in the place of a task is refused in words."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import NoneType
from typing import Any, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

# What to give, by the class that is asked for.
_SUCH_AS = {
    "Draws": "what ibhelpers.compare.draws returns",
    "GaussianSpace": "such as what ibhelpers.GaussianSpace.fit(task) returns",
    "GeneralizedChi2": "the exact law of a space, such as GaussianSpace.loss_law(task)",
    "InductiveBias": "what ibhelpers.inductive_bias and its neighbours return",
    "Kernel": "such as ibhelpers.kernels.RBF(lengthscale=2.0)",
    "Law": "such as GaussianSpace.loss_law(task)",
    "ScaledNoncentralChi2": "such as what ScaledNoncentralChi2.fit(losses) returns",
    "Task": "such as ibhelpers.tasks.load('digits'), or ibhelpers.Task of arrays of your own",
}


def typed(function: Function) -> Function:
    """Refuse what is of another class than the annotation says: a class of the package, bool, str.

    Numbers and arrays may come in any container, and are left to what reads them. So are
    protocols, and whatever is imported for the sake of annotations alone.

    Examples
    --------
    >>> @typed
    ... def double(number: float, *, twice: bool = False) -> float:
    ...     return number * (4 if twice else 2)
    >>> double(1.0, twice="no")
    Traceback (most recent call last):
    ValueError: twice: found 'no'; give True or False.
    """
    parameters: list[tuple[int, str, tuple[type, ...]]] = []

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not parameters:
            parameters.extend(_parameters(function))
        for place, name, kinds in parameters:
            if name in kwargs or place < len(args):
                refuse_others(name, kwargs[name] if name in kwargs else args[place], *kinds)
        return function(*args, **kwargs)

    return checked  # type: ignore[return-value]


def refuse_others(name: str, value: Any, *kinds: type) -> None:
    """Raise a ValueError unless the value is of one of the classes."""
    if not isinstance(value, kinds):
        raise ValueError(_words(name, value, kinds))


def _parameters(function: Callable[..., Any]) -> list[tuple[int, str, tuple[type, ...]]]:
    """Place, name and classes of the arguments that are checked."""
    function = inspect.unwrap(function)
    found = []
    for place, parameter in enumerate(inspect.signature(function).parameters.values()):
        kinds = _kinds(str(parameter.annotation), function.__globals__)
        if kinds:
            keyword_only = parameter.kind is inspect.Parameter.KEYWORD_ONLY
            found.append((10**6 if keyword_only else place, parameter.name, kinds))
    return found


def _kinds(annotation: str, namespace: dict[str, Any]) -> tuple[type, ...]:
    """The classes that an annotation names; none if it names anything else."""
    found: list[type] = []
    for name in annotation.split(" | "):
        kind = namespace.get(name)
        if name == "bool":
            found += [bool, np.bool_]
        elif name == "str":
            found += [str]
        elif name == "None":
            found += [NoneType]
        elif (
            isinstance(kind, type)
            and kind.__module__.startswith(__package__)
            and not getattr(kind, "_is_protocol", False)
        ):
            found += [kind]
        else:
            return ()
    return tuple(found)


def _words(name: str, value: Any, kinds: tuple[type, ...]) -> str:
    kind = kinds[0]
    if kind is bool:
        return f"{name}: found {value!r:.60}; give True or False."
    if kind is str:
        return f"{name}: found a {type(value).__name__}; give text."
    such_as = _SUCH_AS.get(kind.__name__)
    return (
        f"{name}: found a {type(value).__name__}; give a {kind.__name__}"
        + (f", {such_as}" if such_as else "")
        + (", or None." if NoneType in kinds else ".")
    )
