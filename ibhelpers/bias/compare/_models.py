"""What a class of models provides: the bits that a hypothesis space needs to do as well."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._arguments import as_array, by_name, seed_of, seed_of_bits, whole
from ..._cluster import answers_of, in_their_order
from ..._progress import steps
from ..._typed import typed
from ...laws.law import Law
from ...networks.space import NetworkSpace
from ...tasks import Task
from ..inductive_bias import inductive_bias

if TYPE_CHECKING:
    import pandas as pd


def standard_models(*, seed: int) -> dict[str, Any]:
    """Regressors of scikit-learn that `models` compares when none are given.

    Parameters
    ----------
    seed : int
        Of those that are random.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> list(ib.compare.standard_models(seed=0))[:3]
    ['linear regression', 'ridge regression', 'k nearest neighbours']
    """
    from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import LinearRegression, Ridge
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.tree import DecisionTreeRegressor

    seed = seed_of_bits(32, seed)
    # One boosting an output is slow, and pixels need few bins: these settings take a quarter of the
    # time of max_iter=50 with scikit-learn's defaults, on MNIST, for nearly the same loss.
    boosting = HistGradientBoostingRegressor(
        max_iter=20, learning_rate=0.2, max_bins=32, random_state=seed
    )
    forest = RandomForestRegressor(n_estimators=100, max_features=1 / 3, random_state=seed)
    return {
        "linear regression": LinearRegression(),
        "ridge regression": Ridge(alpha=1.0),
        "k nearest neighbours": KNeighborsRegressor(n_neighbors=5),
        "decision tree": DecisionTreeRegressor(random_state=seed),
        "random forest": forest,
        "gradient boosting": MultiOutputRegressor(boosting),
        "kernel ridge": KernelRidge(alpha=0.1, kernel="rbf"),
    }


@typed
def models(
    task: Task,
    law: Law,
    models: Mapping[str, Any] | None = None,
    *,
    n_networks: int = 50,
    seed: int,
    progress: bool = True,
    client: Any = None,
) -> pd.DataFrame:
    """The bias that model classes provide, in bits of one hypothesis space.

    A model reaches a test error; the hypothesis space whose test loss has the given law needs
    I(ε) = -log2 P(loss ≤ ε) bits to reach the same. Models of different kinds are measured by one
    rule, and the bits depend on the hypothesis space that is taken as the rule.

    Parameters
    ----------
    task : Task
        On which the models are trained, to predict its real-valued targets.
    law : Law
        Of the mean squared error on the test set, such as ``GaussianSpace(...).loss_law(task)``.
    models : mapping from name to model, optional
        Regressors with scikit-learn's ``fit`` and ``predict``, and `NetworkSpace` objects trained
        on the mean squared error; `standard_models` when not given.
    n_networks : int
        How many networks stand for a network space.
    seed : int
        Of the networks, and of the standard models.
    progress : bool
        Whether to show a progress bar where it takes long, and one for the networks of a space.
    client : dask.distributed.Client, optional
        On whose workers to train, a model to a task. A worker that dies costs the models that it
        had. Needs ``pip install ibhelpers[cluster]``.

    Returns
    -------
    DataFrame
        One row a model: ``candidate``, its name; ``train_loss`` and ``test_loss``, mean squared
        errors; ``train_error_rate`` and ``test_error_rate``, at which the largest output is not
        the label's, NaN without labels; ``bits``; ``hypotheses``, of which losses and rates are
        medians; ``diverged``, networks that are in no median; ``seconds``. Bits are those of the
        median test loss; ``bits_lower`` and ``bits_upper`` those of its 5% and 95% quantiles over
        the hypotheses.

    Raises
    ------
    ValueError
        If law is not a law, a model cannot be trained or its predictions do not fit the task, or
        all networks of a space diverge.
    ImportError
        If a client is given and Dask is not installed.

    Notes
    -----
    A. Boopathy et al., "Towards exact computation of inductive bias", IJCAI 2024,
    arXiv:2406.15941, compares model classes in this way.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> from sklearn.linear_model import Ridge
    >>> task = ib.tasks.load("digits", n_train=100, n_test=50)
    >>> law = ib.GaussianSpace(ib.kernels.RBF(2.0)).loss_law(task)
    >>> table = ib.compare.models(task, law, {"ridge": Ridge()}, seed=0)
    >>> bool(table.train_loss[0] < table.test_loss[0])
    True
    """
    import pandas as pd

    if models is not None:
        models = by_name("models", models, "{'ridge': sklearn.linear_model.Ridge()}")
    n_networks, seed = whole("n_networks", n_networks, at_least=1), seed_of(seed)
    models = standard_models(seed=seed) if models is None else models
    ask = partial(_losses, task=task, n_networks=n_networks, seed=seed, progress=progress)
    named = list(models.items())
    measured = map(ask, named) if client is None else in_their_order(answers_of(client, ask, named))
    rows = []
    with steps("comparing", len(models), "models", shown=progress) as bar:
        for name, losses in zip(models, measured, strict=True):
            rows.append({"candidate": name, **_row(law, losses)})
            bar.update()
    return pd.DataFrame(rows)


def _losses(
    named: tuple[str, Any], *, task: Task, n_networks: int, seed: int, progress: bool
) -> dict[str, Any]:
    """What a model's hypotheses reach, once it is trained."""
    name, model = named
    if isinstance(model, NetworkSpace):
        return _network_losses(name, model, task, n_networks, seed, progress)
    return _model_losses(name, model, task)


def _row(law: Law, losses: dict[str, Any]) -> dict[str, Any]:
    """What the table says of a model with these losses."""
    bits = inductive_bias(law, np.quantile(losses["test_loss"], [0.95, 0.5, 0.05])).bits
    return {
        **{key: float(np.median(losses[key])) for key in _MEASURES},
        **dict(zip(("bits_lower", "bits", "bits_upper"), map(float, bits), strict=True)),
        "hypotheses": len(losses["test_loss"]),
        "diverged": losses["diverged"],
        "seconds": losses["seconds"],
    }


_MEASURES = ("train_loss", "test_loss", "train_error_rate", "test_error_rate")


def _network_losses(
    name: str, space: NetworkSpace, task: Task, n: int, seed: int, progress: bool
) -> dict[str, Any]:
    if space.recipe.loss != "mse":
        raise ValueError(
            f"models: {name!r} is trained on {space.recipe.loss!r}, but the law is of the mean "
            "squared error; give a space with loss='mse'."
        )
    ensemble = space.train(task, n, seed=seed, curves=False, progress=progress)
    ok = ~np.isin(ensemble.index, ensemble.diverged)
    if not ok.any():
        raise ValueError(f"models: all {n} networks of {name!r} diverged; give a lower lr.")
    none = np.full(len(ensemble), np.nan)
    measured = {key: getattr(ensemble, key) for key in _MEASURES}
    return {
        **{key: (none if value is None else value)[ok] for key, value in measured.items()},
        "diverged": int((~ok).sum()),
        "seconds": ensemble.seconds,
    }


def _model_losses(name: str, model: Any, task: Task) -> dict[str, Any]:
    started = time.perf_counter()
    measured: dict[str, Any] = {}
    try:
        fitted = _fitted(model, task)
        for part in ("train", "test"):
            predicted = as_array("predictions", fitted.predict(getattr(task, f"X_{part}")))
            loss, error = _judged(predicted, task, part)
            measured |= {f"{part}_loss": [loss], f"{part}_error_rate": [error]}
    except Exception as error:
        raise ValueError(
            f"models: {name!r} ({type(model).__name__}) could not be trained and judged on this "
            f"task ({error}); give a NetworkSpace, or a regressor that takes targets of shape "
            f"(examples, {task.n_outputs}), as sklearn.multioutput.MultiOutputRegressor makes."
        ) from error
    return measured | {"diverged": 0, "seconds": time.perf_counter() - started}


def _fitted(model: Any, task: Task) -> Any:
    """A trained copy, so that the caller's model stays as it is."""
    from sklearn.base import clone
    from sklearn.multioutput import MultiOutputRegressor

    y = task.y_train
    if task.n_outputs == 1 and not isinstance(model, MultiOutputRegressor):
        y = y[:, 0]  # as scikit-learn wants a single output
    return clone(model).fit(task.X_train, y)


def _judged(predicted: np.ndarray, task: Task, part: str) -> tuple[float, float]:
    """Mean squared error, and error rate or NaN, of predictions."""
    y, labels = getattr(task, f"y_{part}"), getattr(task, f"labels_{part}")
    if predicted.shape == (len(y),) and y.shape[1] == 1:  # scikit-learn drops a single output
        predicted = predicted[:, None]
    if predicted.shape != y.shape or not np.isfinite(predicted).all():
        raise ValueError(f"predictions of shape {predicted.shape} for targets {y.shape}, or NaN")
    error = np.nan if labels is None else float((predicted.argmax(1) != labels).mean())
    return float(((predicted - y) ** 2).mean()), error
