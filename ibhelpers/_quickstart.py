"""The first result of the course: how much inductive bias it takes to recognise digits."""

from __future__ import annotations

import numpy as np

from . import laws, tasks
from .bias import paper
from .bias.inductive_bias import inductive_bias
from .kernels import RBF
from .spaces import GaussianSpace


def quickstart() -> int:
    """Print the table of chapter 00, and what to do next; return 0."""
    print(
        "Measuring the inductive bias of MNIST, 1,000 digits to learn from and 500 to test on ..."
    )
    print(f"\n{table()}")
    print(
        "\nexact:    what it takes to come down to the target, in nats and in bits"
        "\nfitted:   what the curve says that fits 10,000 random hypotheses best"
        "\nreleased: what the paper's released program makes of them"
        "\n\nChapter 00 says what this means. To open it, in a clone of the course: `make lab`, or"
        "\n`python -m jupyterlab notebooks` where there is no make."
    )
    return 0


def table() -> str:
    """The exact bits at four target errors, beside what 10,000 sampled losses say (chapter 00)."""
    import pandas as pd

    task = tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    space = GaussianSpace(RBF(lengthscale=5.0))
    losses = space.sample_losses(task, n=10_000, seed=0)
    fitted = laws.ScaledNoncentralChi2.fit(losses)
    released = paper.released_fit(losses)

    targets = np.array([0.09, 0.05, 0.01, 0.001])
    exact = inductive_bias(space.loss_law(task), targets)
    columns = {
        "target": targets,
        "exact, nats": np.round(exact.nats, 1),
        "exact, bits": np.round(exact.bits, 1),
        "fitted, bits": np.round(inductive_bias(fitted, targets).bits, -1).astype(int),
        "released, bits": np.round(np.asarray(paper.released_bits(released, targets)), -1).astype(
            int
        ),
    }
    return pd.DataFrame(columns).to_string(index=False)
