"""Harder tasks of a given one, by one knob each: what is added, taken away or made wrong is known.

Every function returns a new task. With one seed a knob that is turned further only adds to what a
lesser turn did, so that two turns can be compared example by example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._arguments import finite, generator_of, non_negative, one_of, several, whole
from .._typed import typed
from .task import Task, one_hot

_PARTS = {"train": ("train",), "test": ("test",), "both": ("train", "test")}


@typed
def with_noise_inputs(task: Task, k: int, *, seed: int = 0) -> Task:
    r"""The task with k more inputs that say nothing: independent normal numbers.

    Their mean is 0 and their variance :math:`s^2` the average variance of the task's own training
    inputs. Squared distances between different examples grow by :math:`2ks^2` on average, and an
    RBF kernel's values shrink by a factor whose mean is :math:`(1 + 2s^2/\ell^2)^{-k/2}`.

    Parameters
    ----------
    task : Task
    k : int
        How many, at least 0.
    seed : int
        Of the numbers.

    Returns
    -------
    Task
        Whose examples are plain vectors: the inputs they had, and behind them the k others.

    Raises
    ------
    ValueError
        If an argument is out of its range, or no training input varies.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=100, n_test=50)
    >>> ib.tasks.with_noise_inputs(task, 36)
    Task('digits': 100 training and 50 test examples, 100 inputs, 10 outputs)
    """
    k = whole("k", k, at_least=0)
    deviation = np.sqrt(task.X_train.var(axis=0, dtype=np.float64).mean())
    constant = (task.X_train == task.X_train[0]).all()  # whose variance rounding may leave above 0
    if constant or deviation == 0:
        raise ValueError(
            "task: found training inputs that are all constant, so that no scale for noise is "
            "known; add inputs to them with numpy.column_stack."
        )
    added = {}
    for part, stream in _streams(seed).items():
        X = getattr(task, f"X_{part}")  # the first of many inputs of noise are those of few
        noise = deviation * stream.standard_normal((k, len(X))).T
        added[f"X_{part}"] = np.column_stack([X, noise.astype(X.dtype)])
    names = None
    if task.input_names is not None and len(task.input_names) == task.n_inputs:
        names = (*task.input_names, *(f"noise {i + 1}" for i in range(k)))
    return _changed(
        task,
        f"{k:,} inputs of noise",
        **added,
        input_shape=(),
        kind="vector",
        input_names=names,
    )


@typed
def with_label_noise(task: Task, share: float, *, on: str = "train", seed: int = 0) -> Task:
    r"""The task with a share of its labels wrong: each another class, drawn at random.

    Whoever knows all true labels has a loss of :math:`2\rho/k` on a test set of k classes, a share
    :math:`\rho` of whose labels is wrong.

    Parameters
    ----------
    task : Task
        Of classes: with labels, and one-hot targets.
    share : float
        Of the labels, from 0 to 1; rounded to a number of examples.
    on : {"train", "test", "both"}
        Whose labels.
    seed : int
        Of which labels, and of what becomes of them.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the task has no classes.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=100, n_test=50)
    >>> noisy = ib.tasks.with_label_noise(task, 0.2)
    >>> int((noisy.labels_train != task.labels_train).sum())
    20
    """
    share = _share(share)
    parts = _PARTS[one_of("on", on, _PARTS)]
    changed: dict[str, Any] = {}
    streams = _streams(seed)
    for part in parts:
        y, labels = getattr(task, f"y_{part}"), _labels(task, part)
        if not one_hot(y):
            raise ValueError(
                f"task: found targets y_{part} that are not one-hot; a label can be wrong where "
                "there are classes. To targets that are numbers add noise of your own, with "
                "dataclasses.replace."
            )
        n, k = y.shape
        order = streams[part].permutation(n)
        shift = streams[part].integers(1, k, n)
        wrong = order[: round(share * n)]
        labels = labels.copy()
        labels[wrong] = (labels[wrong] + shift[wrong]) % k
        hot, cold = y.max(), y.min()
        changed[f"labels_{part}"] = labels
        changed[f"y_{part}"] = np.where(np.arange(k) == labels[:, None], hot, cold).astype(y.dtype)
    where = {"train": "training", "test": "test", "both": "training and test"}[on]
    return _changed(task, f"{share:.3g} of the {where} labels wrong", **changed)


@typed
def with_fewer_examples(task: Task, n: int, *, seed: int = 0) -> Task:
    """The task with n of its training examples, drawn at random.

    Parameters
    ----------
    task : Task
    n : int
        How many are kept, in the order they had; fewer are among more.
    seed : int
        Of the draw.

    Raises
    ------
    ValueError
        If n is not between 1 and the number of training examples.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=100, n_test=50)
    >>> ib.tasks.with_fewer_examples(task, 25)
    Task('digits': 25 training and 50 test examples, 64 inputs, 10 outputs)
    """
    n = whole("n", n, at_least=1, at_most=task.n_train)
    kept = np.sort(generator_of(seed).permutation(task.n_train)[:n])
    return _changed(
        task, f"{n:,} of {task.n_train:,} training examples", **_rows(task, "train", kept)
    )


@typed
def with_classes(task: Task, classes: Sequence[int]) -> Task:
    """The task with some of its classes: their examples, and an output for each of them.

    Parameters
    ----------
    task : Task
        With labels.
    classes : sequence of int
        Which, at least two; the first becomes class 0, and so on.

    Raises
    ------
    ValueError
        If the task has no labels, a class is none of its own or named twice, or no example of the
        training or the test set is left.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=100, n_test=50)
    >>> ib.tasks.with_classes(task, [3, 8])
    Task('digits': 20 training and 10 test examples, 64 inputs, 2 outputs)
    """
    wanted = several("classes", classes, "whole numbers")
    wanted = [whole("classes", c, at_least=0, at_most=task.n_outputs - 1) for c in wanted]
    if len(wanted) < 2 or len(set(wanted)) < len(wanted):
        raise ValueError(f"classes: found {wanted}; give at least two, each once.")
    changed: dict[str, Any] = {}
    new = np.full(task.n_outputs, -1)
    new[wanted] = np.arange(len(wanted))
    for part in ("train", "test"):
        labels = new[_labels(task, part)]
        kept = np.flatnonzero(labels >= 0)
        if len(kept) == 0:
            raise ValueError(
                f"classes: found no example of the classes {wanted} in the {part} part."
            )
        changed |= _rows(task, part, kept)
        changed[f"y_{part}"] = changed[f"y_{part}"][:, wanted]
        changed[f"labels_{part}"] = labels[kept]
    names = None
    if task.output_names is not None:
        names = tuple(task.output_names[c] for c in wanted)
    return _changed(
        task, f"classes {', '.join(map(str, wanted))} only", **changed, output_names=names
    )


@typed
def with_occlusion(task: Task, side: int, *, value: float = 0.0, seed: int = 0) -> Task:
    """The task of images, each with a square hidden, at a place of its own.

    Parameters
    ----------
    task : Task
        Whose examples are images.
    side : int
        Of the square, in pixels; at most that of the image. Its place is drawn at random, the whole
        square lies in the image, and a smaller one lies inside a larger one.
    value : float
        What its pixels become, in all channels.
    seed : int
        Of the places.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the examples are no images.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=100, n_test=50)
    >>> hidden = ib.tasks.with_occlusion(task, 4, value=-1)
    >>> [int(n) for n in (hidden.X_train == -1).sum(axis=1)[:3]]
    [16, 16, 16]
    """
    if task.kind != "image":
        raise ValueError(
            f"task: found examples that are read as {task.kind!r}; a square can be hidden in "
            "images. Say input_shape=(height, width), or hide inputs with partly_observed."
        )
    height, width = task.input_shape[-2:]
    side = whole("side", side, at_least=0, at_most=min(height, width))
    value = finite("value", value)
    changed = {}
    for part, stream in _streams(seed).items():
        X = getattr(task, f"X_{part}")
        images = X.reshape(len(X), -1, height, width).copy()
        hidden = np.ones((len(X), 1, 1), dtype=bool)
        for axis, length in ((1, height), (2, width)):
            place = stream.random(len(X))  # of the whole way that the square can go
            start = np.floor(place * (length - side + 1)).astype(int)[:, None]
            inside = (np.arange(length) >= start) & (np.arange(length) < start + side)
            hidden = hidden & np.expand_dims(inside, 3 - axis)
        changed[f"X_{part}"] = np.where(hidden[:, None], value, images).reshape(X.shape)
    return _changed(task, f"{side} × {side} pixels hidden", **changed)


@typed
def partly_observed(task: Task, share: float, *, seed: int = 0) -> Task:
    """The task of which only a share of the inputs is seen, the same for all examples.

    Parameters
    ----------
    task : Task
    share : float
        Of the inputs, above 0 and at most 1; rounded to a number of inputs, at least one. They are
        drawn at random, and fewer are among more.
    seed : int
        Of the draw.

    Returns
    -------
    Task
        The others are 0 in all its examples, which keep their shape. For a kernel of distances or
        of scalar products that is as if they were not there.

    Raises
    ------
    ValueError
        If share is not above 0 and at most 1.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("wine")
    >>> int(ib.tasks.partly_observed(task, 0.25).X_train.any(axis=0).sum())
    3
    """
    share = _share(share)
    if share == 0:
        raise ValueError("share: found 0, of which nothing could be learnt; give more than 0.")
    n = max(1, round(share * task.n_inputs))
    hidden = generator_of(seed).permutation(task.n_inputs)[n:]
    changed = {}
    for part in ("train", "test"):
        X = getattr(task, f"X_{part}").copy()
        X[:, hidden] = 0
        changed[f"X_{part}"] = X
    return _changed(task, f"{n:,} of {task.n_inputs:,} inputs seen", **changed)


@typed
def union(first: Task, second: Task) -> Task:
    """Both tasks as one: the examples of both, and the outputs of both, side by side.

    An example of one task has 0 at the outputs of the other: with one-hot targets, the union asks
    which class of which task it is.

    Parameters
    ----------
    first, second : Task
        Of equally many inputs, which mean the same.

    Returns
    -------
    Task
        The examples of the first before those of the second.

    Raises
    ------
    ValueError
        If the tasks differ in their inputs.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=100, n_test=50)
    >>> few, many = (ib.tasks.with_classes(task, c) for c in (range(3), range(3, 10)))
    >>> ib.tasks.union(few, many)
    Task('digits and digits': 100 training and 50 test examples, 64 inputs, 10 outputs)
    """
    if first.n_inputs != second.n_inputs:
        raise ValueError(
            f"second: found {second.n_inputs} inputs where first has {first.n_inputs}; a union "
            "needs inputs that mean the same."
        )
    if None not in (first.input_names, second.input_names):
        if first.input_names != second.input_names:
            raise ValueError(
                "second: found other names of inputs than those of first; a union needs inputs "
                "that mean the same, in the same order."
            )
    k = first.n_outputs
    arrays: dict[str, Any] = {}
    for part in ("train", "test"):
        X, y = f"X_{part}", f"y_{part}"
        arrays[X] = np.concatenate([getattr(first, X), getattr(second, X)])
        arrays[y] = np.concatenate(
            [
                np.pad(getattr(first, y), ((0, 0), (0, second.n_outputs))),
                np.pad(getattr(second, y), ((0, 0), (k, 0))),
            ]
        )
        labels = [getattr(task, f"labels_{part}") for task in (first, second)]
        known = labels[0] is not None and labels[1] is not None
        arrays[f"labels_{part}"] = np.concatenate([labels[0], labels[1] + k]) if known else None
    alike = first.input_shape == second.input_shape and first.kind == second.kind
    names = [*(first.output_names or ()), *(second.output_names or ())]
    return Task(
        **arrays,
        name=f"{first.name or 'unnamed'} and {second.name or 'unnamed'}",
        source="; and ".join(filter(None, (first.source, second.source))),
        scaling=first.scaling if first.scaling == second.scaling else "",
        input_shape=first.input_shape if alike else (),
        kind=first.kind if alike else "",
        input_names=first.input_names if alike else None,
        output_names=names if len(names) == k + second.n_outputs else None,
    )


def _changed(task: Task, how: str, **changed: Any) -> Task:
    """The task with other arrays; its source says how they came about."""
    return replace(task, source=f"{task.source}; {how}" if task.source else how, **changed)


def _streams(seed: int) -> dict[str, np.random.Generator]:
    """A stream for each part: what becomes of one does not depend on the size of the other."""
    return dict(zip(("train", "test"), generator_of(seed).spawn(2), strict=True))


def _share(share: float) -> float:
    share = non_negative("share", share)
    if share > 1:
        raise ValueError(f"share: found {share:g}; give a share of the whole, from 0 to 1.")
    return share


def _rows(task: Task, part: str, kept: np.ndarray) -> dict[str, Any]:
    """Some of the examples of one part."""
    labels = getattr(task, f"labels_{part}")
    return {
        f"X_{part}": getattr(task, f"X_{part}")[kept],
        f"y_{part}": getattr(task, f"y_{part}")[kept],
        f"labels_{part}": None if labels is None else labels[kept],
    }


def _labels(task: Task, part: str) -> np.ndarray:
    labels = getattr(task, f"labels_{part}")
    if labels is None:
        raise ValueError(
            f"task: found no labels_{part}; give a task of classes, with labels beside its targets."
        )
    return labels
