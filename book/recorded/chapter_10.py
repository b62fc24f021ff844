"""The draws of chapter 10, networks as hypotheses. Two minutes on one core.

python book/recorded/chapter_10.py
"""

from dataclasses import replace
from itertools import product

import numpy as np
import recording
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

import ibhelpers as ib

# --- questions, as the chapter asks them ----------------------------------------------------------


def halved(task):
    def images(X):
        blocks = X.reshape(-1, 14, 2, 14, 2)
        return blocks.mean((2, 4)).reshape(-1, 196)

    X_train, X_test = images(task.X_train), images(task.X_test)
    shape = 14, 14
    return replace(
        task,
        X_train=X_train,
        X_test=X_test,
        input_shape=shape,
    )


def boosting(rate, leaves):
    one = HistGradientBoostingRegressor(
        max_iter=10,
        learning_rate=rate,
        max_leaf_nodes=leaves,
        max_features=0.2,
        max_bins=16,
        random_state=0,
    )
    return MultiOutputRegressor(one)  # one an output


def forest(features, leaf):
    return RandomForestRegressor(
        n_estimators=30,
        max_features=features,
        min_samples_leaf=leaf,
        random_state=0,
    )


def tree(leaf):
    return DecisionTreeRegressor(
        min_samples_leaf=leaf,
        random_state=0,
    )


def kernel_ridge(lengthscale):
    return KernelRidge(
        alpha=1e-3,
        kernel="rbf",
        gamma=1 / (2 * lengthscale**2),
    )


def network(width, depth, lr):
    return lambda task: ib.NetworkSpace(
        ib.networks.mlp(width, depth),
        lr=lr,
        epochs=20,
        batch_size=task.n_train // 20,
    )


grid = list(product((1, 3), (3e-3, 1e-2)))
leaves = (4, 8)
four_each = {
    "linear": [Ridge(a) for a in (1, 3, 10, 30)],
    "tree": [tree(leaf) for leaf in (1, 4, 8, 16)],
    "forest": [forest(*x) for x in product((0.1, 0.2), (1, 2))],
    "boosting": [boosting(*x) for x in product((0.3, 0.6), leaves)],
    "neighbours": [KNeighborsRegressor(k) for k in (1, 3, 5, 10)],
    "kernel ridge": [kernel_ridge(ell) for ell in (1.5, 2, 3, 4)],
    "network": [network(128, depth, lr) for depth, lr in grid],
}


def outputs_of(model, task, n_networks=4):
    """Outputs at the test points; for networks, of several."""
    if callable(model):
        trained = model(task).train(
            task,
            n_networks,
            seed=0,
            curves=False,
            outputs=True,
        )
        return trained.outputs
    model.fit(task.X_train, task.y_train)
    return model.predict(task.X_test)[None]


def loss_of(outputs, y):
    return ((outputs - y) ** 2).mean((1, 2))


def tuned(models, task, folds=2):
    """The model that predicts held-out training data best."""
    total = np.zeros(len(models))
    cut = KFold(folds, shuffle=True, random_state=0)
    X, y = task.X_train, task.y_train
    for rest, held in cut.split(X):
        fold = ib.Task(X[rest], y[rest], X[held], y[held])
        for i, model in enumerate(models):
            found = outputs_of(model, fold, n_networks=1)
            total[i] += loss_of(found, fold.y_test).mean()
    return models[total.argmin()]


def all_outputs(task):
    """Of every class its tuned model; of the space its mean."""
    space = ib.GaussianSpace.fit(task)
    both = replace(
        task,
        X_test=np.concatenate([task.X_test, task.X_train]),
        y_test=np.concatenate([task.y_test, task.y_train]),
        labels_test=None,
    )
    mean = space.posterior(both).mean.numpy()
    constant = np.broadcast_to(task.y_train.mean(0), mean.shape)
    found = {"constant": constant[None]}
    for name, models in four_each.items():
        found[name] = outputs_of(tuned(models, task), both)
    return found | {"posterior mean": mean[None]}


def count_in(task, n=80):
    """Networks that fit the training digits, to count among."""
    space = ib.NetworkSpace(
        ib.networks.mlp(width=32, depth=1),
        lr=0.01,
        epochs=40,
        batch_size=20,
    )
    trained = space.train(task, n, seed=0, curves=False)
    return trained.fitted(0.01)


def what_each_provides(task, found=None, fits=None):
    space = ib.GaussianSpace.fit(task)
    law, m = space.loss_law(task), task.n_test
    fits = fits or count_in(task)
    facts = {"networks": len(fits)}
    for name, both in (found or all_outputs(task)).items():
        outputs, fitted = both[:, :m], both[:, m:]
        reached = np.median(loss_of(outputs, task.y_test))
        wrong = outputs.argmax(2) != task.labels_test
        train = np.median(loss_of(fitted, task.y_train))
        bits = ib.inductive_bias(law, reached).bits
        as_good = (fits.test_loss <= reached).sum()
        facts[f"train: {name}"] = train
        facts[f"loss: {name}"] = reached
        facts[f"wrong: {name}"] = np.median(wrong.mean(1))
        facts[f"bits: {name}"] = bits
        facts[f"as good: {name}"] = as_good
    return facts


# --- draws ----------------------------------------------------------------------------------------


def digits() -> list[ib.Task]:
    first = ib.tasks.load("mnist", n_train=200, n_test=500, balanced=False)
    pool = ib.tasks.load("mnist", n_train=60_000, n_test=1, balanced=False, full=True)
    return [halved(task) for task in recording.first_and_others(first, pool, 10, balanced=False)]


if __name__ == "__main__":
    recording.keep(
        "networks_provided",
        what_each_provides,
        digits(),
        of="ten disjoint draws of 200 training and 500 test digits of MNIST, 14 × 14 pixels",
    )
