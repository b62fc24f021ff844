"""Tables of measurements that come with scikit-learn: a number or a class, of a row of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._draw import split
from .prepared import arguments_of
from .task import Task

if TYPE_CHECKING:
    import pandas as pd


def diabetes(*, n_train: int = 300, n_test: int = 142, seed: int = 0) -> Task:
    """How far diabetes has gone after a year, of 442 patients; 10 measurements, scikit-learn.

    Parameters
    ----------
    n_train, n_test : int
        Sizes of the disjoint training and test sets, drawn at random.
    seed : int
        Seed of the draw.

    Returns
    -------
    Task
        Inputs (n, 10) and targets (n, 1), less the mean and divided by the deviation that the
        training rows have.

    Raises
    ------
    ValueError
        If more is asked for than there is, or a column is constant in so few rows.

    References
    ----------
    B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, "Least angle regression", Annals of
    Statistics 32 (2004).
    """
    from sklearn.datasets import load_diabetes  # here, because it takes a second to import

    table = load_diabetes(as_frame=True, scaled=False).frame
    source = "scikit-learn load_diabetes (Efron and others, 2004)"
    return drawn(table, "target", n_train, n_test, seed, name="diabetes", source=source)


def wine(*, n_train: int = 100, n_test: int = 78, seed: int = 0) -> Task:
    """Which of three growers made a wine: 178 wines, 13 measurements, from scikit-learn.

    Parameters
    ----------
    n_train, n_test : int
        Sizes of the disjoint training and test sets, drawn at random.
    seed : int
        Seed of the draw.

    Returns
    -------
    Task
        Inputs (n, 13), scaled by the training rows, and targets one-hot (n, 3).

    Raises
    ------
    ValueError
        If more is asked for than there is, or a class is in no training row of so few.

    References
    ----------
    S. Aeberhard, M. Forina, "Wine", UCI Machine Learning Repository (1992).
    """
    from sklearn.datasets import load_wine

    source = "scikit-learn load_wine (UCI Wine)"
    table = _named_classes(load_wine(as_frame=True))
    return drawn(table, "target", n_train, n_test, seed, name="wine", source=source)


def breast_cancer(*, n_train: int = 300, n_test: int = 269, seed: int = 0) -> Task:
    """Whether a tumour is malignant: 569 patients, 30 measurements, from scikit-learn.

    Parameters
    ----------
    n_train, n_test : int
        Sizes of the disjoint training and test sets, drawn at random.
    seed : int
        Seed of the draw.

    Returns
    -------
    Task
        Inputs (n, 30), scaled by the training rows, and targets one-hot (n, 2).

    Raises
    ------
    ValueError
        If more is asked for than there is, or a class is in no training row of so few.

    References
    ----------
    W. H. Wolberg, O. L. Mangasarian, N. Street, W. N. Street, "Breast Cancer Wisconsin
    (Diagnostic)", UCI Machine Learning Repository (1995).
    """
    from sklearn.datasets import load_breast_cancer

    source = "scikit-learn load_breast_cancer (UCI Breast Cancer Wisconsin, Diagnostic)"
    table = _named_classes(load_breast_cancer(as_frame=True))
    return drawn(table, "target", n_train, n_test, seed, name="breast_cancer", source=source)


def drawn(
    table: pd.DataFrame,
    target: str,
    n_train: int,
    n_test: int,
    seed: int,
    *,
    name: str,
    source: str,
) -> Task:
    """A task of rows drawn from a table without looking at them, scaled by the training rows."""
    train, test = split(np.zeros(len(table)), n_train, n_test, seed, balanced=False)
    inputs = [column for column in table.columns if column != target]
    arguments = arguments_of(table, inputs, [target], train, test)
    return Task(**arguments, name=name, source=source)


def _named_classes(bunch) -> pd.DataFrame:
    """The table of a data set of scikit-learn, its classes by their names."""
    return bunch.frame.assign(target=np.asarray(bunch.target_names)[bunch.target])
