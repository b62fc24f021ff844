"""Few-shot episodes as supervised regression: find the support drawing that matches the query."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8

from .._arguments import generator_of, whole
from .task import Task

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Drawings:
    """Drawings and who drew what: ``characters[i]`` is the character that ``images[i]`` shows."""

    images: UInt8[np.ndarray, "drawings side side"]
    characters: np.ndarray


def episode_task(
    train: Drawings,
    test: Drawings,
    *,
    n_train: int,
    n_test: int,
    ways: int,
    seed: int,
    name: str,
    source: str,
) -> Task:
    """Make a Task of episodes; the characters of the two sides must have been kept apart.

    An example is ``ways`` support drawings of as many characters, then one query drawing: another
    drawing of one of these characters. The target is the one-hot position of that character.

    Raises
    ------
    ValueError
        If ``ways`` is below 2 or above the number of characters on a side, or more episodes are
        asked for than can be told apart.
    """
    rng = generator_of(seed)
    side = train.images.shape[-1]
    X_train, labels_train = _episodes("n_train", train, n_train, ways, rng)
    X_test, labels_test = _episodes("n_test", test, n_test, ways, rng)
    one_hot = np.eye(ways)
    return Task(
        X_train,
        one_hot[labels_train],
        X_test,
        one_hot[labels_test],
        labels_train=labels_train,
        labels_test=labels_test,
        name=name,
        source=source,
        input_shape=(ways + 1, side, side),
        scaling="ink: 0 for none, 1 for full",
        kind="episode",
        output_names=[f"support {position}" for position in range(1, ways + 1)],
    )


def shrink(image: Image.Image, side: int) -> UInt8[np.ndarray, "side side"]:
    """Resize a grey image to side x side pixels without aliasing.

    Every new pixel is an average of the old ones under a triangle two new pixels wide.
    """
    from PIL import Image

    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))


def n_distinct(drawings_of_each: np.ndarray, ways: int) -> int:
    """How many episodes differ in their drawings or their order.

    An ordered choice of characters, a support drawing for each, and a further drawing of one of
    them: ways! times the sum, over the sets of characters, of prod(d) sum(d - 1), where d are the
    numbers of drawings. The sum grows character by character.
    """
    plain = [1] + [0] * ways  # sum of prod(d) over the sets of 0, 1, ... characters
    queried = [0] * (ways + 1)  # the same, of prod(d) sum(d - 1)
    for d in drawings_of_each.tolist():
        for size in range(ways, 0, -1):
            queried[size] += d * queried[size - 1] + d * (d - 1) * plain[size - 1]
            plain[size] += d * plain[size - 1]
    return factorial(ways) * queried[ways]


def _episodes(
    argument: str, drawings: Drawings, n: int, ways: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "n inputs"], Int[np.ndarray, " n"]]:
    """Draw n different episodes: inputs in [0, 1], and the position that the query matches."""
    order = np.argsort(drawings.characters, kind="stable")
    names, counts = np.unique(drawings.characters, return_counts=True)
    if whole("ways", ways, at_least=2) > len(names):
        raise ValueError(
            f"ways: found {ways}, but {argument.removeprefix('n_')} episodes have {len(names)} "
            f"characters to choose from; give at most {len(names)}."
        )
    possible = n_distinct(counts, ways)
    if whole(argument, n, at_least=1) > possible:
        raise ValueError(
            f"{argument}: asked for {n:,} episodes, but {len(names)} characters with "
            f"{counts.min()} to {counts.max()} drawings each allow {possible:,} different ones; "
            "ask for fewer."
        )
    chosen = np.empty((0, ways + 2), dtype=np.int64)
    while len(chosen) < n:  # a second round only where episodes coincide
        chosen = np.concatenate([chosen, _choose(counts, n, ways, rng)])
        first = np.unique(chosen, axis=0, return_index=True)[1]
        chosen = chosen[np.sort(first)][:n]
    images = drawings.images[order[chosen[:, :-1]]]
    return images.reshape(n, -1) / 255.0, chosen[:, -1]


def _choose(counts: np.ndarray, n: int, ways: int, rng: np.random.Generator) -> np.ndarray:
    """Choose n episodes uniformly: the places of ways + 1 drawings, and the query's position.

    Drawings are in the order of their characters, of which character c has ``counts[c]``.
    """
    starts = np.cumsum(counts) - counts
    characters = rng.permuted(np.tile(np.arange(len(counts)), (n, 1)), axis=1)[:, :ways]
    support = rng.integers(counts[characters])
    position = rng.integers(ways, size=n)
    asked = np.arange(n), position
    other = rng.integers(1, counts[characters[asked]])  # how many drawings further on, in a circle
    query = (support[asked] + other) % counts[characters[asked]]
    places = starts[characters] + support
    return np.column_stack([places, starts[characters[asked]] + query, position])
