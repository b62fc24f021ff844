"""The draws of chapter 11, architectures and optimizers. Five minutes on one core.

python book/recorded/chapter_11.py                   # all of them
python book/recorded/chapter_11.py training_recipes  # one
"""

import sys
import time

import numpy as np
import recording

import ibhelpers as ib
from ibhelpers import networks

# --- questions, as the chapter asks them ----------------------------------------------------------


rates = (3e-3, 1e-2)
stops = (0.02, 0.01)
architectures = {
    "mlp": networks.mlp(width=64, depth=2),
    "cnn": networks.cnn(channels=(16, 32)),
    "resnet": networks.resnet(channels=16, blocks=1),
    "vit": networks.vit(patch=4, dim=32, depth=1, heads=2),
}


def train_all(task, architecture, n, **settings):
    space = ib.NetworkSpace(architecture, batch_size=20, **settings)
    return space.train(task, n, seed=0, curves=False)


def best_rate(task, architecture):
    """The rate with the lowest loss on a held-out third."""
    cut = 2 * task.n_train // 3
    X, y = task.X_train, task.y_train
    fold = ib.Task(
        X[:cut],
        y[:cut],
        X[cut:],
        y[cut:],
        input_shape=task.input_shape,
    )
    held = []
    for lr in rates:
        run = train_all(fold, architecture, 2, lr=lr, epochs=40)
        held.append(run.test_loss.mean())
    return rates[int(np.argmin(held))]


def at_zero_errors(runs):
    """Each network at its first stop without training errors."""
    right = np.array([run.train_error_rate == 0 for run in runs])
    first = right.argmax(0)
    first[~right.any(0)] = len(runs) - 1
    return {
        what: np.choose(first, [getattr(r, what) for r in runs])
        for what in ("test_loss", "test_error_rate")
    }


def by_architecture(task):
    law = ib.GaussianSpace.fit(task).loss_law(task)
    found = {}
    for name, architecture in architectures.items():
        lr = best_rate(task, architecture)
        runs = [
            train_all(
                task,
                architecture,
                3,
                lr=lr,
                epochs=100,
                stop_at=stop,
            )
            for stop in stops
        ]
        last, zero = runs[-1], at_zero_errors(runs)
        loss = np.mean(last.test_loss)
        found[f"rate: {name}"] = lr
        fits = last.train_loss <= stops[-1]
        found[f"fitted: {name}"] = np.mean(fits)
        found[f"loss: {name}"] = loss
        found[f"wrong: {name}"] = np.mean(last.test_error_rate)
        found[f"bits: {name}"] = ib.inductive_bias(law, loss).bits
        found[f"loss at no errors: {name}"] = np.mean(
            zero["test_loss"],
        )
        wrong = np.mean(zero["test_error_rate"])
        found[f"wrong at no errors: {name}"] = wrong
    return found


recipes: dict[str, dict] = {
    "SGD, lr 1": {"optimizer": "sgd", "lr": 1.0},
    "SGD, lr 2": {"optimizer": "sgd", "lr": 2.0},
    "momentum": {"optimizer": "momentum", "lr": 0.3},
    "Adam, lr 0.001": {"optimizer": "adam", "lr": 0.001},
    "Adam, lr 0.005": {"optimizer": "adam", "lr": 0.005},
    "AdamW, decay 0.3": {
        "optimizer": "adamw",
        "lr": 0.005,
        "weight_decay": 0.3,
    },
}


def by_recipe(task):
    law = ib.GaussianSpace.fit(task).loss_law(task)
    found = {}
    for name, settings in recipes.items():
        network = architectures["mlp"]
        early = train_all(task, network, 4, epochs=20, **settings)
        matched = train_all(
            task,
            network,
            4,
            epochs=400,
            stop_at=0.005,
            **settings,
        )
        for when, run in (("early", early), ("matched", matched)):
            loss = np.mean(run.test_loss)
            bits = ib.inductive_bias(law, loss).bits
            found[f"train, {when}: {name}"] = np.mean(
                run.train_loss,
            )
            found[f"loss, {when}: {name}"] = loss
            found[f"bits, {when}: {name}"] = bits
    return found


def by_guessing(task):
    network = networks.mlp(width=16, depth=1)
    guessed = networks.guess_and_check(
        network,
        task,
        50,
        max_train_error_rate=0,
        max_guesses=200_000,
        seed=0,
    )
    found = {
        "told": -np.log2(guessed.fraction),
        "wrong: guessed": guessed.test_error_rate.mean(),
    }
    for name, stop in (("early", 0.2), ("on", 0.02)):
        space = ib.NetworkSpace(
            network,
            optimizer="sgd",
            lr=0.01,
            epochs=2000,
            batch_size=None,
            stop_at=stop,
        )
        run = space.train(task, 60, seed=0, curves=False)
        fits = run.train_error_rate == 0
        found[f"networks: {name}"] = fits.sum()
        wrong = run.test_error_rate[fits].mean()
        found[f"wrong: {name}"] = wrong
    return found


# --- draws ----------------------------------------------------------------------------------------


def digits() -> ib.Task:
    """All that scikit-learn has, to be dealt to ten draws of 100 and 79."""
    return ib.tasks.load("digits", n_train=1000, n_test=790)


def zeros_and_ones() -> ib.Task:
    """Likewise, 100 and 250 of them."""
    whole = ib.tasks.load("digits", n_train=1000, n_test=797)
    X = np.concatenate([whole.X_train, whole.X_test])
    labels = np.concatenate([whole.labels_train, whole.labels_test])
    rows = np.flatnonzero(labels <= 1)[:350]
    X, labels = 2 * X[rows], labels[rows]
    y = np.eye(2)[labels]
    return ib.Task(
        *(X[:100], y[:100], X[100:], y[100:]),
        labels_train=labels[:100],
        labels_test=labels[100:],
        name="0 or 1",
    )


def kept(name, question, task, *, of):
    begun = time.perf_counter()
    found = ib.compare.draws(question, task, 10, processes=1)
    seconds = time.perf_counter() - begun
    recording.write(name, found.values.to_dict("list"), of=of, seconds=seconds)


RECORDS = {
    "training_architectures": (by_architecture, digits, "ten disjoint draws of 100 and 79 digits"),
    "training_recipes": (by_recipe, digits, "ten disjoint draws of 100 and 79 digits"),
    "training_guessing": (
        by_guessing,
        zeros_and_ones,
        "ten disjoint draws of 10 and 25 zeros and ones",
    ),
}

if __name__ == "__main__":
    for record in sys.argv[1:] or RECORDS:
        question, task, of = RECORDS[record]
        kept(record, question, task(), of=of)
