"""What an example is worth, put to use: the records of chapter 13.

Every question is asked of the chapter's own digits and of nine other draws; a run that was cut
short goes on where it was. Confident learning is that of the package cleanlab, which nothing else
needs: `pip install cleanlab`.
"""

import sys
from dataclasses import replace

import numpy as np
import recording

import ibhelpers as ib


def with_training(task, rows):
    """The task with some of its training examples."""
    return replace(
        task,
        X_train=task.X_train[rows],
        y_train=task.y_train[rows],
        labels_train=task.labels_train[rows],
    )


def validation_and_judge(task):
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


def judged(space, task, target=0.02):
    """Bits, and error rate of the mean, on the test digits."""
    mean = space.spectrum(task).mean.numpy().argmax(axis=1)
    bits = ib.inductive_bias(space.loss_law(task), target).bits
    return bits, (mean != task.labels_test).mean()


def flipped(task):
    """The task with 5 % of its training labels changed."""
    rng = np.random.default_rng(0)
    n = task.n_train
    wrong = rng.permutation(n) < n // 20
    labels = task.labels_train + wrong * rng.integers(1, 10, n)
    y = np.eye(10)[labels % 10]
    noisy = replace(task, y_train=y, labels_train=labels % 10)
    return noisy, wrong


def others_say(space, task, clean):
    """What all other digits predict for each training digit."""
    X = np.concatenate([task.X_train, clean.X_test])
    y = np.concatenate([task.y_train, clean.y_test])
    both = replace(task, X_train=X, y_train=y, labels_train=None)
    return space.leave_one_out(both).mean[: task.n_train].numpy()


def find_mislabelled(task):
    """How well two scores find the labels that were changed."""
    noisy, wrong = flipped(task)
    space = ib.GaussianSpace.fit(noisy)
    clean, judge = validation_and_judge(noisy)
    target = space.loss_law(clean).mean() / 2
    saved = ib.worth(space, clean, target).training
    guess = others_say(space, noisy, clean)
    apart = ((guess - noisy.y_train) ** 2).sum(axis=1)
    said = guess.argmax(axis=1) != noisy.labels_train
    ways = {"worth": (-saved, saved < 0), "residual": (apart, said)}
    found = {}
    for name, (score, flagged) in ways.items():
        first = np.argsort(-score)[: wrong.sum()]
        left = np.setdiff1d(np.arange(task.n_train), first)
        bits, rate = judged(space, with_training(judge, left))
        found |= {
            f"{name}, flagged": flagged.sum(),
            f"{name}, precision": wrong[flagged].mean(),
            f"{name}, recall": flagged[wrong].mean(),
            f"{name}, of the first 50": wrong[first].mean(),
            f"{name}, bits without these": bits,
            f"{name}, errors without these": rate,
        }
    bits, rate = judged(space, judge)
    return found | {"all, bits": bits, "all, errors": rate}


def spread_out(X, n):
    """Rows that are far from one another: greedy k-centre."""
    rows, nearest = [0], ((X - X[0]) ** 2).sum(axis=1)
    while len(rows) < n:
        rows.append(int(nearest.argmax()))
        apart = ((X - X[rows[-1]]) ** 2).sum(axis=1)
        nearest = np.minimum(nearest, apart)
    return np.array(rows)


def margin(outputs):
    """By how much the largest output is ahead of the second."""
    second, first = np.sort(outputs, axis=1)[:, -2:].T
    return first - second


def asking(task, X):
    """The task with inputs whose labels nobody knows."""
    return replace(
        task,
        X_test=X,
        y_test=np.zeros((len(X), task.n_outputs)),
        labels_test=None,
    )


def keep_200(task, target=0.02):
    """Bits and errors with 200 of the digits, chosen in 5 ways."""
    space = ib.GaussianSpace.fit(task)
    clean, judge = validation_and_judge(task)
    unsure = margin(space.leave_one_out(task).mean.numpy())
    saved = ib.worth(space, clean, target).training
    kept = np.arange(task.n_train)
    for n in (800, 650, 500, 400, 300, 250, 200):
        here = ib.worth(space, with_training(clean, kept), target)
        kept = kept[np.argsort(-here.training)[:n]]
    chosen = {
        "random": np.random.default_rng(0).permutation(1000)[:200],
        "k-centre": spread_out(task.X_train, 200),
        "smallest margin": np.argsort(unsure)[:200],
        "worth, at once": np.argsort(-saved)[:200],
        "worth, in rounds": kept,
        "all 1,000": np.arange(1000),
    }
    found = {}
    for name, rows in chosen.items():
        bits, rate = judged(space, with_training(judge, rows))
        found |= {f"{name}, bits": bits, f"{name}, errors": rate}
    return found


def label_200(task, target=0.02):
    """Bits and errors with 200 labels, asked for in 4 ways."""
    clean, judge = validation_and_judge(task)
    start = np.random.default_rng(0).permutation(1000)[:200]
    known = with_training(clean, start[:40])
    space = ib.GaussianSpace.fit(known)

    def unsure(known, X):
        found = space.posterior(asking(known, X)).mean
        return -margin(found.numpy())

    def saves(known, X):
        return ib.bias.expected_worth(space, known, target, X)

    def in_rounds(score):
        have = start[:40]
        while len(have) < 200:
            left = np.setdiff1d(np.arange(1000), have)
            known = with_training(clean, have)
            scores = score(known, task.X_train[left])
            have = np.append(have, left[np.argsort(-scores)[:40]])
        return have

    chosen = {
        "random": start,
        "k-centre": spread_out(task.X_train, 200),
        "smallest margin": in_rounds(unsure),
        "expected worth": in_rounds(saves),
    }
    found = {}
    for name, rows in chosen.items():
        bits, rate = judged(space, with_training(judge, rows))
        found |= {f"{name}, bits": bits, f"{name}, errors": rate}
    return found


def three_criteria(task, target=0.02):
    """Bits and errors in spaces chosen by three criteria."""
    clean, judge = validation_and_judge(task)
    found = {}
    for name in ("evidence", "leave_one_out", "bits"):
        given = {}
        if name == "bits":
            given = {"validation": (clean.X_test, clean.y_test)}
            given |= {"target_error": target}
        space = ib.GaussianSpace.fit(
            task,
            criterion=name,
            **given,
        )
        bits, rate = judged(space, judge, target)
        more, _ = judged(space, judge, target / 2)
        found |= {
            f"{name}, bits": bits,
            f"{name}, bits at half": more,
            f"{name}, errors": rate,
        }
    return found


def confident_learning(task):
    """What cleanlab flags, given what the residuals are made of."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    noisy, wrong = flipped(task)
    space = ib.GaussianSpace.fit(noisy)
    clean, judge = validation_and_judge(noisy)
    p = np.clip(others_say(space, noisy, clean), 1e-3, None)
    p /= p.sum(axis=1, keepdims=True)
    flagged = find_label_issues(noisy.labels_train, p, n_jobs=1)
    first = np.argsort(get_label_quality_scores(noisy.labels_train, p))[: wrong.sum()]
    bits, rate = judged(space, with_training(judge, np.setdiff1d(np.arange(task.n_train), first)))
    return {
        "cleanlab, flagged": flagged.sum(),
        "cleanlab, precision": wrong[flagged].mean(),
        "cleanlab, recall": flagged[wrong].mean(),
        "cleanlab, of the first 50": wrong[first].mean(),
        "cleanlab, bits without these": bits,
        "cleanlab, errors without these": rate,
    }


RECORDS = {
    "13_mislabelled": find_mislabelled,
    "13_cleanlab": confident_learning,
    "13_kept": keep_200,
    "13_labelled": label_200,
    "13_criteria": three_criteria,
}


def draws() -> list[ib.Task]:
    first = ib.tasks.load("mnist", n_train=1000, n_test=1250, balanced=False)
    pool = ib.tasks.load("mnist", n_train=60_000, n_test=10_000, full=True)
    return recording.first_and_others(first, pool, 10, balanced=False)


if __name__ == "__main__":
    for name in sys.argv[1:] or RECORDS:
        recording.keep(
            name,
            RECORDS[name],
            draws(),
            of="1,000 training, 250 validation and 1,000 test digits of MNIST, dealt at random: "
            "the chapter's own, and others of the full set",
        )
