"""Omniglot: characters from many alphabets, each drawn once by twenty people."""

from __future__ import annotations

import io
from functools import cache

import numpy as np

from .._arguments import whole
from ._archive import zip_members
from ._datafile import DataFile
from ._episodes import Drawings, episode_task, shrink
from ._files import read
from .task import Task

NATIVE_SIDE = 105


def _published(name: str, sha256: str, size: int) -> DataFile:
    bases = (
        "https://github.com/brendenlake/omniglot/raw/master/python/",
        "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
    )
    return DataFile(f"omniglot/{name}", sha256, size, tuple(base + name for base in bases))


# SHA-256 and size in bytes: tensorflow/datasets, url_checksums/omniglot.txt.
SMALL_1 = _published(
    "images_background_small1.zip",
    "f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4",
    1_319_022,
)
SMALL_2 = _published(
    "images_background_small2.zip",
    "3ccaa407515a8778e5d0861875af38b17e418f301ad5bb3b5a6b65d901a41c7f",
    1_580_917,
)
BACKGROUND = _published(
    "images_background.zip",
    "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
    9_464_212,
)
EVALUATION = _published(
    "images_evaluation.zip",
    "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
    6_462_886,
)
FILES = (SMALL_1, SMALL_2, BACKGROUND, EVALUATION)


def load(
    *,
    n_train: int = 1000,
    n_test: int = 500,
    ways: int = 5,
    side: int = 14,
    full: bool = False,
    seed: int = 0,
) -> Task:
    """One-shot episodes of characters from unseen alphabets (Omniglot); by download.

    Training and test episodes come from different alphabets, so no character is on both sides.

    Parameters
    ----------
    n_train, n_test : int
        How many episodes of each side.
    ways : int
        How many characters an episode has to tell apart, at least 2.
    side : int
        Every drawing is shrunk from 105x105 to side x side pixels, 2 to 105.
    full : bool
        False uses the two published small sets (3 MB), five alphabets to train and three to test:
        Greek and Latin, which are in both, only train. True uses the background set, 30
        alphabets, to train and the evaluation set, 20 others, to test (16 MB).
    seed : int
        Seed of the draw.

    Returns
    -------
    Task
        Inputs (n, (ways + 1) side^2), ink in [0, 1], support drawings first; targets one-hot
        (n, ways), the position of the support drawing that the query matches.

    Raises
    ------
    ValueError
        If an argument is out of its range, or a file cannot be had or was altered.

    References
    ----------
    B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum, "Human-level concept learning through
    probabilistic program induction", Science 350 (2015). MIT licence.
    """
    # All checked first, so that nothing is downloaded in vain.
    whole("n_train", n_train, at_least=1)
    whole("n_test", n_test, at_least=1)
    whole("ways", ways, at_least=2)
    whole("side", side, at_least=2, at_most=NATIVE_SIDE)
    train_file, test_file = (BACKGROUND, EVALUATION) if full else (SMALL_1, SMALL_2)
    train, test = drawings(train_file, side), drawings(test_file, side)
    new = ~np.isin(alphabets(test), alphabets(train))
    return episode_task(
        train,
        Drawings(test.images[new], test.characters[new]),
        n_train=n_train,
        n_test=n_test,
        ways=ways,
        seed=seed,
        name="omniglot",
        source=f"episodes of Omniglot (Lake), {'full' if full else 'small'} sets",
    )


@cache  # reading and shrinking takes far longer than drawing episodes
def drawings(file: DataFile, side: int) -> Drawings:
    """Every drawing of a set, white on black, with its character, such as "Greek/character01"."""
    from PIL import Image

    images, characters = [], []
    for name, contents in zip_members(read(file)):
        if name.endswith(".png"):
            paper_is_white = Image.open(io.BytesIO(contents)).convert("L")
            images.append(255 - shrink(paper_is_white, side))
            characters.append("/".join(name.split("/")[-3:-1]))
    return Drawings(np.stack(images), np.array(characters))


def alphabets(drawn: Drawings) -> np.ndarray:
    """The alphabet of every drawing."""
    return np.array([character.partition("/")[0] for character in drawn.characters])
