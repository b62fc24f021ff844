"""Tasks made harder, by seven knobs and by the gradient: the records of chapter 18.

python book/recorded/chapter_18.py knobs 0 1     draw 0, the second third of the settings
python book/recorded/chapter_18.py moved 0       draw 0
python book/recorded/chapter_18.py join          when all are there: data/draws/18_*.json

Every draw stands by itself, so that many can run side by side; each takes some
minutes on one core.
"""

import json
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import recording
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

import ibhelpers as ib

# --- questions, as the chapter asks them ----------------------------------------------------------


def few(task, classes):
    """150 training examples of the first classes."""
    kept = ib.tasks.with_classes(task, range(classes))
    return ib.tasks.with_fewer_examples(kept, 150)


def settings(task):
    """Every knob, turned: its name, and the task."""
    knobs = ib.tasks
    found = {"as it is": task}
    for k in (100, 400, 1600):
        harder = knobs.with_noise_inputs(task, k)
        found[f"noise inputs: {k}"] = harder
    for on in ("train", "both"):
        for share in (0.05, 0.2):
            harder = knobs.with_label_noise(task, share, on=on)
            found[f"wrong labels, {on}: {share}"] = harder
    for n in (500, 250, 125):
        harder = knobs.with_fewer_examples(task, n)
        found[f"examples: {n}"] = harder
    for side in (7, 14, 21):
        harder = knobs.with_occlusion(task, side)
        found[f"hidden square: {side}"] = harder
    for share in (0.3, 0.1, 0.03):
        harder = knobs.partly_observed(task, share)
        found[f"inputs seen: {share}"] = harder
    for k in (2, 5, 10):
        found[f"classes: {k}"] = few(task, k)
    for low, high in ((0, 5), (5, 10)):
        part = knobs.with_classes(task, range(low, high))
        found[f"part: {low} to {high - 1}"] = part
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
    scale = 1 / (X.shape[1] * X.var())
    grid = {"C": [1, 10], "gamma": [scale / 3, scale, 3 * scale]}
    machine = GridSearchCV(SVC(), grid, cv=3).fit(X, labels)
    out = 1 - machine.best_score_, machine.predict(task.X_test)
    learners.append(out)
    for share in ("sqrt", 0.2):
        forest = RandomForestClassifier(
            200,
            max_features=share,
            oob_score=True,
            random_state=0,
        )
        forest.fit(X, labels)
        out = 1 - forest.oob_score_, forest.predict(task.X_test)
        learners.append(out)
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


def turned(task, names=None):
    """The difficulty at every setting, or at those named."""
    return {
        f"{name}; {what}": value
        for name, harder in settings(task).items()
        if names is None or name in names
        for what, value in difficulty(harder).items()
    }


def seen_and_fresh(task):
    """The task with its first 500 test digits, and the others."""
    return tuple(
        replace(
            task,
            X_test=task.X_test[part],
            y_test=task.y_test[part],
            labels_test=task.labels_test[part],
        )
        for part in (slice(500), slice(500, None))
    )


def unit(rows):
    """Rows of length 1."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, 1e-300)


def pushed(task, space, where, sign, far, steps=5):
    """Digits moved by at most so far each, to change the bits."""
    start = getattr(task, where)
    for _ in range(steps):
        X = getattr(task, where)
        slope = ib.bias.gradient(space, task, 0.01, inputs=True)
        step = 2 * far / steps * unit(getattr(slope, where))
        X = within(X + sign * step, start, far)
        task = replace(task, **{where: X})
    return task


def within(X, start, far):
    """Pixels from 0 to 1, rows at most so far from their start."""
    away = np.clip(X, 0, 1) - start
    length = np.linalg.norm(away, axis=1, keepdims=True)
    return start + away * np.minimum(1, far / (length + 1e-12))


def at_random(task, where, far):
    """Digits moved just so far, in directions at random."""
    rng, start = np.random.default_rng(0), getattr(task, where)
    away = unit(rng.standard_normal(start.shape))
    return replace(task, **{where: start + far * away})


def chosen_flips(task, space, n=50, rounds=5):
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
    noisy = partial(ib.tasks.with_label_noise, task, 0.05)
    found = {
        "as it is": lambda: task,
        "labels, up": partial(chosen_flips, task, space),
        "labels, at random": noisy,
    }
    for where in ("X_train", "X_test"):
        for far in (1.0, 2.0):
            by_slope = partial(pushed, task, space, where)
            down = partial(by_slope, -1, far)
            rand = partial(at_random, task, where, far)
            found[f"{where}, {far}, up"] = partial(by_slope, 1, far)
            found[f"{where}, {far}, down"] = down
            found[f"{where}, {far}, at random"] = rand
    return found


def networks_err(task, fresh):
    """Loss and error rate of ten networks, on two test sets."""
    mlp = ib.networks.mlp(128, 1)
    recipe = {"lr": 3e-3, "epochs": 20, "batch_size": 50}
    space = ib.NetworkSpace(mlp, **recipe)
    both = replace(
        task,
        X_test=np.concatenate([task.X_test, fresh.X_test]),
        y_test=np.concatenate([task.y_test, fresh.y_test]),
        labels_test=None,
    )
    trained = space.train(
        both,
        10,
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

_THIRDS = 3
_OF = {
    "knobs": "1,000 training and 500 test digits of MNIST, dealt at random: the chapter's own, and "
    "others of the full set",
    "moved": "1,000 training, 500 test and 500 fresh digits of MNIST, dealt at random: the "
    "chapter's own, and others of the full set",
}


def draws() -> list[ib.Task]:
    """Ten draws of 1,000 training digits, 500 to test on, and 500 more."""
    first = ib.tasks.load("mnist", n_train=1000, n_test=1000, balanced=False)
    pool = ib.tasks.load("mnist", n_train=60_000, n_test=1, balanced=False, full=True)
    return recording.first_and_others(first, pool, 10, balanced=False)


def part_of(name: str, draw: int, third: int) -> str:
    return f"18_{name}_{draw}_{third}.part"


def ask(name: str, draw: int, third: int = 0) -> None:
    """Ask one draw, and keep the answer in a file of its own."""
    task, begun = draws()[draw], time.perf_counter()
    if name == "knobs":
        task = seen_and_fresh(task)[0]
        found = turned(task, [*settings(task)][third::_THIRDS])
    else:
        found = moved(task)
    values = {key: float(value) for key, value in found.items()}
    recording.FOLDER.mkdir(exist_ok=True)
    written = {"seconds": time.perf_counter() - begun, "values": values}
    (recording.FOLDER / part_of(name, draw, third)).write_text(json.dumps(written))


def join() -> None:
    """Make the records of what single draws answered."""
    for record, thirds in (("18_knobs", _THIRDS), ("18_moved", 1)):
        name = record.removeprefix("18_")
        columns: dict[str, list[float]] = {}
        seconds = 0.0
        for draw in range(10):
            row: dict[str, float] = {}
            for third in range(thirds):
                part = json.loads((recording.FOLDER / part_of(name, draw, third)).read_text())
                row |= part["values"]
                seconds += part["seconds"]
            for key, value in row.items():
                columns.setdefault(key, []).append(value)
        recording.write(record, columns, of=_OF[name], seconds=seconds)


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    if what == "join":
        join()
    else:
        ask(what, *map(int, numbers))
