"""The first result of the course: how much inductive bias it takes to recognise digits."""

from __future__ import annotations

from .. import laws, tasks
from ..bias import paper
from ..bias.inductive_bias import inductive_bias
from ..kernels import RBF
from ..spaces import GaussianSpace
from ..tasks import Task

_TARGET = 0.01


def quickstart() -> int:
    """Print the headline and the table of chapter 00, and what to do next; return 0."""
    print(
        "Measuring the inductive bias of MNIST, 1,000 digits to learn from and 500 to test on ..."
    )
    task = tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    space = GaussianSpace.fit(task)
    print(f"\n{inductive_bias(space.loss_law(task), _TARGET)}")
    print("\nThe same number, computed and guessed, in this space and in another:")
    print(f"\n{table(task, space)}")
    print(
        "\nchosen:      amplitude, lengthscale and noise are those that the training data choose"
        "\namplitude 1: as in the paper's released program; the training data speak against it"
        "\nexact:       the bits it takes to come down to the target"
        "\nfitted:      what the curve says that fits 10,000 random hypotheses best"
        "\nreleased:    what the paper's released program makes of them"
        "\n\nChapter 00 says what this means. To open it, in a clone of the course: `make lab`, or"
        "\n`python -m jupyterlab notebooks` where there is no make."
    )
    return 0


def table(task: Task, space: GaussianSpace) -> str:
    """The exact bits in two spaces, beside what 10,000 sampled losses say (chapter 00)."""
    import pandas as pd

    rows = {
        "chosen": _answers(task, space),
        "amplitude 1": _answers(task, GaussianSpace(RBF(lengthscale=5.0))),
    }
    return pd.DataFrame(rows, ["exact", "fitted", "released"]).T.to_string(
        formatters={"exact": "{:.1f}".format}, float_format="{:.0f}".format
    )


def _answers(task: Task, space: GaussianSpace) -> list[float]:
    """Exact, fitted and released bits at the target error."""
    losses = space.sample_losses(task, n=10_000, seed=0)
    fitted = laws.ScaledNoncentralChi2.fit(losses)
    released = paper.released_fit(losses)
    return [
        float(inductive_bias(space.loss_law(task), _TARGET).bits),
        float(inductive_bias(fitted, _TARGET).bits),
        float(paper.released_bits(released, _TARGET)),
    ]
