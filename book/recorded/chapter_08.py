"""Chapter 08's question, asked of ten draws of four tasks: data/draws/08_bounds.json.

python book/recorded/chapter_08.py

The exact bits with all training examples are those of "07_bits", which chapter_07.py asked.
"""

from functools import partial

import chapter_07
import numpy as np
import recording

import ibhelpers as ib


def constant_loss(task):
    return ((task.y_test - task.y_train.mean(axis=0)) ** 2).mean()


def log10_bound_of(task, error, m=None):
    X, y = task.X_train, task.y_train
    if task.labels_train is None:  # the pendulum
        if m is None:
            m = ib.tasks.intrinsic_dimension(X).dimension
        given = {
            "max_norm": np.linalg.norm(X, axis=1).max(),
            "resolution": 0.02,
            "n_discrete": 1,
            "out_dim": 1,
            "out_bound": np.abs(y).max(),
        }
    else:
        e = ib.bounds.estimate(task)
        m = e.intrinsic_dim.value if m is None else m
        given = {
            "max_norm": e.max_norm.value,
            "resolution": e.resolution.value,
            "n_classes": e.n_classes,
        }
    bound = ib.bounds.model_agnostic(
        **given,
        n=task.n_train,
        intrinsic_dim=m,
        target_error=error,
    )
    return bound.log2_bits * np.log10(2)


def first(task, n):
    labels = task.labels_train
    return ib.Task(
        task.X_train[:n],
        task.y_train[:n],
        task.X_test,
        task.y_test,
        labels_train=None if labels is None else labels[:n],
        labels_test=task.labels_test,
    )


def bound_of_task(task):
    error, few = 0.1 * constant_loss(task), first(task, 250)
    space = ib.GaussianSpace.fit(few)
    law = space.loss_law(few)
    return {
        "exact, 250": ib.inductive_bias(law, error).bits,
        "log10 bound, 250": log10_bound_of(few, error),
        "log10 bound, 1000": log10_bound_of(task, error),
    }


OF = (
    "the draws of chapter 07: 1,000 training examples (or the first 250 of them) and 500 test "
    "examples each; MNIST and CIFAR-10 disjoint, Omniglot and the pendulum with seeds 0 to 9"
)

if __name__ == "__main__":
    tasks = {name: partial(chapter_07.draws_of, name, 10) for name in chapter_07.FOUR}
    recording.keep_several("08_bounds", bound_of_task, tasks, of=OF)
