"""Chapter 07's questions, asked of twenty or ten draws of each task: data/draws/07_*.json.

python book/recorded/chapter_07.py           # all of them
python book/recorded/chapter_07.py 07_bits   # this one
"""

import sys
import zlib
from functools import partial

import numpy as np
import recording

import ibhelpers as ib


def constant_loss(task):
    return ((task.y_test - task.y_train.mean(axis=0)) ** 2).mean()


def spaces_of(task):
    chosen = ib.GaussianSpace.fit(task)
    median = ib.kernels.RBF.from_median(task.X_train).lengthscale
    unit = ib.GaussianSpace(ib.kernels.RBF(0.5 * median))
    return {"chosen": chosen, "amplitude 1": unit}


def tuned(median):
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GridSearchCV

    lengths = median * np.array([0.5, 1.0, 2.0])
    grid = {"gamma": 0.5 / lengths**2, "alpha": [1e-4, 1e-2, 1.0]}
    return {
        "linear": RidgeCV(alphas=np.logspace(-3, 4, 15)),
        "forest": RandomForestRegressor(
            100,
            max_features="sqrt",
            random_state=0,
        ),
        "kernel ridge": GridSearchCV(
            KernelRidge(kernel="rbf"),
            grid,
            scoring="neg_mean_squared_error",
            cv=3,
        ),
    }


def reached(model, task):
    model.fit(task.X_train, task.y_train.squeeze())
    predicted = model.predict(task.X_test)
    error = predicted.reshape(task.y_test.shape) - task.y_test
    return (error**2).mean()


def targets_of(task):
    constant = constant_loss(task)
    targets = {"a tenth": constant / 10, "a half": constant / 2}
    median = ib.kernels.RBF.from_median(task.X_train).lengthscale
    for name, model in tuned(median).items():
        targets[name] = reached(model, task)
    return targets


def bits_of_task(task):
    constant, targets = constant_loss(task), targets_of(task)
    found = {f"loss, {t}": x / constant for t, x in targets.items()}
    spaces = spaces_of(task)
    for name, space in spaces.items():
        told = space.assess(task, leave_one_out=False)
        found[f"{name}, evidence"] = told.log_marginal_likelihood
        found[f"{name}, mean loss"] = told.law.mean() / constant
        for rule, target in targets.items():
            bits = ib.inductive_bias(told.law, target).bits
            found[f"{name}, {rule}"] = bits
    sizes = ib.compare.test_sizes(
        spaces["chosen"],
        task,
        constant / 10,
        [125, 250, 500],
    )
    for row in sizes.itertuples():
        found[f"per number, {row.n_test}"] = row.bits_per_number
        found[f"ceiling, {row.n_test}"] = row.ceiling
    return found


def released_of_task(task, n_losses=10_000):
    target, found = constant_loss(task) / 10, {}
    seed = zlib.crc32(task.X_test.tobytes())  # one for each draw
    for name, space in spaces_of(task).items():
        law = space.loss_law(task)
        losses = law.sample(n_losses, seed=seed)
        curve = ib.paper.released_fit(losses)
        bits = ib.paper.released_bits(curve, target)
        found[f"{name}, released"] = bits
        bits = ib.inductive_bias(law, target).bits
        found[f"{name}, exact"] = bits
    return found


def bits_by_lengthscale(task, multiples=(0.25, 0.5, 1.0, 2.0)):
    median = ib.kernels.RBF.from_median(task.X_train).lengthscale
    target, found = constant_loss(task) / 10, {}
    for multiple in multiples:
        kernel = ib.kernels.RBF(multiple * median)
        space = ib.GaussianSpace.fit(
            task,
            kernel,
            hold="kernel",
        )
        unit = ib.GaussianSpace(kernel)
        for name, law in (
            ("chosen", space.loss_law(task)),
            ("amplitude 1", unit.loss_law(task)),
        ):
            bits = ib.inductive_bias(law, target).bits
            found[f"{name}, {multiple}"] = bits
        found[f"evidence, {multiple}"] = space.choice.value
    return found


def bits_of_pole(task):
    law = ib.GaussianSpace.fit(task).loss_law(task)
    constant = constant_loss(task)
    found = {"mean loss": law.mean() / constant}
    for part in (0.1, 0.03, 0.01):
        bits = ib.inductive_bias(law, part * constant).bits
        found[f"bits at {part}"] = bits
    return found


SIZE = {"n_train": 1000, "n_test": 500}
POLES = {
    "strong, all seen": {},
    "weak, all seen": {"limit": 0.5},
    "strong, half seen": {"observed": "partial"},
    "weak, half seen": {"limit": 0.5, "observed": "partial"},
}


def draws_of(name: str, n: int) -> list[ib.Task]:
    """The chapter's own draw, and n - 1 more."""
    if name in POLES:
        return [ib.tasks.load("pendulum", seed=seed, **POLES[name], **SIZE) for seed in range(n)]
    if name in ("pendulum", "Omniglot"):
        return [ib.tasks.load(name.lower(), seed=seed, **SIZE) for seed in range(n)]
    kind, options = ("mnist", {"balanced": False}) if name == "MNIST" else ("cifar10", {})
    first = ib.tasks.load(kind, seed=0, **options, **SIZE)
    pool = ib.tasks.load(kind, n_train=1700 * n, n_test=10, full=True, seed=1, **options)
    return recording.first_and_others(first, pool, n, balanced=not options)


FOUR = ["MNIST", "CIFAR-10", "Omniglot", "pendulum"]
OF = (
    "1,000 training and 500 test examples a draw. MNIST and CIFAR-10: disjoint draws, the "
    "chapter's own and others from the published training sets; Omniglot and the pendulum: seeds "
    "0, 1, and so on."
)
RECORDS = {
    "07_bits": (bits_of_task, FOUR, 10),
    "07_poles": (bits_of_pole, list(POLES), 10),
    "07_lengthscales": (bits_by_lengthscale, FOUR[:1], 10),
    "07_released": (released_of_task, FOUR[:2], 20),
}

if __name__ == "__main__":
    for record in sys.argv[1:] or RECORDS:
        question, names, n = RECORDS[record]
        tasks = {name: partial(draws_of, name, n) for name in names}
        recording.keep_several(record, question, tasks, of=OF)
