"""Tasks made harder, by seven knobs and by the gradient: the records of chapter 18.

python book/recorded/chapter_18.py

Some seconds a draw and record on one core. A run that was cut short goes on where it was.
"""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import recording
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

import ibhelpers as ib

# --- questions, as the chapter asks them ----------------------------------------------------------


def seen_and_fresh(task):
    """The task with its first 250 test digits, and the others."""
    return tuple(
        replace(
            task,
            X_test=task.X_test[part],
            y_test=task.y_test[part],
            labels_test=task.labels_test[part],
        )
        for part in (slice(250), slice(250, None))
    )


def few(task, classes):
    """40 training examples of the first classes."""
    kept = ib.tasks.with_classes(task, range(classes))
    return ib.tasks.with_fewer_examples(kept, 40)


def settings(task):
    """Every knob, turned: its name, and the task."""
    knobs = ib.tasks
    found = {"as it is": task}
    for k in (400, 1600):
        harder = knobs.with_noise_inputs(task, k)
        found[f"{k} noise inputs"] = harder
    for on in ("train", "both"):
        harder = knobs.with_label_noise(task, 0.2, on=on)
        found[f"wrong labels, {on}"] = harder
    found["60 examples"] = knobs.with_fewer_examples(task, 60)
    found["hidden squares"] = knobs.with_occlusion(task, 14)
    found["a tenth is seen"] = knobs.partly_observed(task, 0.1)
    for k in (2, 5, 10):
        found[f"{k} classes"] = few(task, k)
    for low, high in ((0, 5), (5, 10)):
        part = knobs.with_classes(task, range(low, high))
        found[f"digits {low} to {high - 1}"] = part
    return found


def tenth(task):
    """A tenth of the loss of answering the mean."""
    apart = task.y_test - task.y_train.mean(axis=0)
    return 0.1 * (apart**2).mean()


def best_tuned(space, task):
    """Error rate of the learner that held-out digits speak for."""
    X, labels = task.X_train, task.labels_train
    guess = space.leave_one_out(task).mean.numpy().argmax(1)
    mean = space.posterior(task).mean.numpy().argmax(1)
    learners = [((guess != labels).mean(), mean)]
    K, across = space.kernel(X, X), space.kernel(task.X_test, X)
    machine = SVC(kernel="precomputed")
    grid = GridSearchCV(machine, {"C": [3, 30, 300]}, cv=3)
    answers = grid.fit(K.numpy(), labels).predict(across.numpy())
    learners.append((1 - grid.best_score_, answers))
    forest = RandomForestClassifier(oob_score=True, random_state=0)
    forest.fit(X, labels)
    answers = forest.predict(task.X_test)
    learners.append((1 - forest.oob_score_, answers))
    _, answers = min(learners, key=lambda held_out: held_out[0])
    return (answers != task.labels_test).mean()


def difficulty(task):
    """Bits, their share of the ceiling, and the best error rate."""
    space = ib.GaussianSpace.fit(task)
    target, m = tenth(task), task.n_test
    beside = ib.compare.test_sizes(space, task, target, [m])
    return {
        "bits": beside.bits[0],
        "share": beside.share[0],
        "errors": best_tuned(space, task),
    }


def difficulties(task, names=None):
    """The difficulty at every setting, or at those named."""
    seen, _ = seen_and_fresh(task)
    return {
        f"{name}; {what}": value
        for name, harder in settings(seen).items()
        if names is None or name in names
        for what, value in difficulty(harder).items()
    }


def unit(rows):
    """Rows of length 1."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, 1e-300)


def within(X, start, far):
    """Pixels from 0 to 1, rows at most so far from their start."""
    away = np.clip(X, 0, 1) - start
    length = np.linalg.norm(away, axis=1, keepdims=True)
    return start + away * np.minimum(1, far / (length + 1e-12))


def pushed(task, space, where, sign=1, far=1.0, steps=5):
    """Digits moved by at most so far each, to raise the bits."""
    start = getattr(task, where)
    for _ in range(steps):
        X = getattr(task, where)
        slope = ib.bias.gradient(space, task, 0.01, inputs=True)
        step = 2 * far / steps * unit(getattr(slope, where))
        X = within(X + sign * step, start, far)
        task = replace(task, **{where: X})
    return task


def at_random(task, where, far=1.0):
    """Digits moved just so far, in directions at random."""
    rng, start = np.random.default_rng(0), getattr(task, where)
    away = unit(rng.standard_normal(start.shape))
    return replace(task, **{where: start + far * away})


def chosen_flips(task, space, n=25, rounds=5):
    """The labels whose change raises the bits most, changed."""
    labels, rows = task.labels_train.copy(), np.arange(task.n_train)
    flipped = np.zeros(task.n_train, dtype=bool)
    for _ in range(rounds):
        slope = ib.bias.gradient(space, task, 0.01).y_train
        gain = slope - slope[rows, labels][:, None]
        gain[flipped] = -np.inf
        most = np.argsort(-gain.max(axis=1))[: n // rounds]
        labels[most] = gain[most].argmax(axis=1)
        flipped[most] = True
        y = np.eye(task.n_outputs)[labels]
        task = replace(task, y_train=y, labels_train=labels)
    return task


def designs(task, space):
    """How to make tasks by the gradient, and as far at random."""
    noisy = partial(ib.tasks.with_label_noise, task, 0.1)
    found = {
        "as it is": lambda: task,
        "labels, up": partial(chosen_flips, task, space),
        "labels, at random": noisy,
    }
    for name, where in ("training", "X_train"), ("test", "X_test"):
        up = partial(pushed, task, space, where)
        found[f"{name} digits, up"] = up
        rand = partial(at_random, task, where)
        found[f"{name} digits, at random"] = rand
    return found


def networks_err(task, fresh):
    """Loss and error rate of five networks, on two test sets."""
    mlp = ib.networks.mlp(128, 1)
    recipe = {"lr": 3e-3, "epochs": 20, "batch_size": 25}
    space = ib.NetworkSpace(mlp, **recipe)
    both = replace(
        task,
        X_test=np.concatenate([task.X_test, fresh.X_test]),
        y_test=np.concatenate([task.y_test, fresh.y_test]),
        labels_test=None,
    )
    trained = space.train(
        both,
        5,
        seed=0,
        curves=False,
        outputs=True,
    )
    found, m = {}, task.n_test
    for name, judge, part in (
        ("seen", task, trained.outputs[:, :m]),
        ("fresh", fresh, trained.outputs[:, m:]),
    ):
        wrong = part.argmax(2) != judge.labels_test
        apart = (part - judge.y_test) ** 2
        found[f"{name}, networks, errors"] = wrong.mean()
        found[f"{name}, networks, loss"] = apart.mean()
    return found


def judged(design, space, fresh):
    """Bits and errors of a task, on its own and on fresh digits."""
    anew = ib.GaussianSpace.fit(design)
    on_fresh = replace(
        design,
        X_test=fresh.X_test,
        y_test=fresh.y_test,
        labels_test=fresh.labels_test,
    )
    facts = networks_err(design, fresh)
    for part, judge in (("seen", design), ("fresh", on_fresh)):
        mean = anew.posterior(judge).mean.numpy().argmax(1)
        wrong = mean != judge.labels_test
        facts[f"{part}, mean, errors"] = wrong.mean()
        for which, its in (("bits", space), ("bits, anew", anew)):
            bits = ib.inductive_bias(its.loss_law(judge), 0.01)
            facts[f"{part}, {which}"] = bits.bits
    return facts


def moved(task, names=None):
    """Bits and errors of tasks that the gradient designed."""
    seen, fresh = seen_and_fresh(task)
    space = ib.GaussianSpace.fit(seen)
    return {
        f"{name}; {what}": value
        for name, design in designs(seen, space).items()
        if names is None or name in names
        for what, value in judged(design(), space, fresh).items()
    }


# --- draws ----------------------------------------------------------------------------------------

RECORDS = {"18_knobs": difficulties, "18_moved": moved}


def draws() -> list[ib.Task]:
    first = ib.tasks.load("mnist", n_train=250, n_test=500, balanced=False)
    pool = ib.tasks.load("mnist", n_train=10_000, n_test=1, balanced=False, full=True)
    return recording.first_and_others(first, pool, 10, balanced=False)


if __name__ == "__main__":
    for name in sys.argv[1:] or RECORDS:
        recording.keep(
            name,
            RECORDS[name],
            draws(),
            of="250 training, 250 test and 250 fresh digits of MNIST, dealt at random: the "
            "chapter's own, and others of the full set",
        )
