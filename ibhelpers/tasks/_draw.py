"""Draw disjoint training and test sets from labelled data."""

from __future__ import annotations

import numpy as np

from .._arguments import generator_of, whole


def split(
    labels: np.ndarray, n_train: int, n_test: int, seed: int, *, balanced: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of disjoint training and test examples, balanced over the classes.

    Each of the C classes gives ``n // C`` examples to a set of n, and the remainder is dealt to
    classes drawn at random. A class that has too few gives all it has, and the others make up
    for it. Both sets are in random order.

    Parameters
    ----------
    labels : ndarray of int, shape (N,)
        The class of every example there is.
    n_train, n_test : int
        How many examples each set gets; both at least 1.
    seed : int
        Seed of ``numpy.random.default_rng``; the same seed gives the same sets.
    balanced : bool
        False draws without looking at the classes: the first n_train and the next n_test of one
        random permutation.

    Raises
    ------
    ValueError
        If a count is not a positive whole number, or more is asked for than there is.
    """
    n_train, n_test = check_drawn(n_train, n_test, len(labels))
    rng = generator_of(seed)
    if not balanced:
        order = rng.permutation(len(labels))
        return order[:n_train], order[n_train : n_train + n_test]
    classes, available = np.unique(labels, return_counts=True)
    train_shares = _shares(n_train, available, rng)
    test_shares = _shares(n_test, available - train_shares, rng)
    train, test = [], []
    for c, a, b in zip(classes, train_shares, test_shares, strict=True):
        members = rng.permutation(np.flatnonzero(labels == c))
        train.append(members[:a])
        test.append(members[a : a + b])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def official_split(
    labels_train: np.ndarray,
    labels_test: np.ndarray,
    n_train: int,
    n_test: int,
    seed: int,
    *,
    balanced: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Indices into a published training set and a published test set, balanced likewise.

    Raises
    ------
    ValueError
        If a count is not a positive whole number, or more is asked for than there is.
    """
    check_official(n_train, n_test, len(labels_train), len(labels_test))
    rng = generator_of(seed)
    chosen = []
    for n, labels in ((n_train, labels_train), (n_test, labels_test)):
        if not balanced:
            chosen.append(rng.permutation(len(labels))[:n])
            continue
        classes, available = np.unique(labels, return_counts=True)
        members = [
            rng.permutation(np.flatnonzero(labels == c))[:share]
            for c, share in zip(classes, _shares(n, available, rng), strict=True)
        ]
        chosen.append(rng.permutation(np.concatenate(members)))
    return chosen[0], chosen[1]


def check_drawn(n_train: int, n_test: int, available: int) -> tuple[int, int]:
    """Two sizes as whole numbers; a ValueError unless one set of examples suffices for both."""
    n_train, n_test = whole("n_train", n_train, at_least=1), whole("n_test", n_test, at_least=1)
    if n_train + n_test > available:
        raise ValueError(
            f"n_train + n_test: asked for {n_train:,} + {n_test:,} = {n_train + n_test:,} "
            f"examples, but there are {available:,}; ask for fewer."
        )
    return n_train, n_test


def check_official(n_train: int, n_test: int, train_size: int, test_size: int) -> None:
    """Raise a ValueError unless a published training and test set of these sizes suffice."""
    for part, n, size in (("train", n_train, train_size), ("test", n_test, test_size)):
        if whole(f"n_{part}", n, at_least=1) > size:
            raise ValueError(
                f"n_{part}: asked for {n:,} examples, but the published {part} set has {size:,}; "
                "ask for fewer."
            )


def use_full(full: bool | None, n_train: int, n_test: int, shipped: int) -> bool:
    """Whether to draw from a published data set and not from the part of it that ships.

    By default (None) what ships is used as far as it goes.
    """
    if full is None:
        sizes = whole("n_train", n_train, at_least=1) + whole("n_test", n_test, at_least=1)
        return sizes > shipped
    return full


def _shares(n: int, available: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How many of n examples each class gives, as equal as what is available allows."""
    shares = np.zeros_like(available)
    while (left := n - shares.sum()) > 0:
        has_more = rng.permutation(np.flatnonzero(available > shares))
        if left < len(has_more):
            shares[has_more[:left]] += 1
        else:
            room = (available - shares)[has_more]
            shares[has_more] += np.minimum(room, left // len(has_more))
    return shares
