"""Choose a space by the bits that it leaves to validation data.

The search begins at the space of the highest evidence, and walks downhill by the derivatives that
`Sensitivity` has in closed form; the amplitude is one of the numbers searched, for no best one is
known in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float64
from torch import Tensor

from .._progress import counter
from .._warnings import warn
from ..kernels import Kernel, Scaled
from ._descent import descend
from ._fit import Question, box_of, choose
from .choice import Choice
from .posterior import EPS
from .sensitivity import Sensitivity

Judge = Callable[[Kernel, float], Sensitivity]

_GAIN = 1e-2  # nats: the search ends where the next step promises less
_STEPS = 60
_TOLD = 0.1  # nats for a factor e: a bound that costs less is not warned of
_LOG2 = math.log(2)


def choose_by_bits(
    X: Float64[Tensor, "n d"],
    Y: Float64[Tensor, "n k"],
    question: Question,
    judge: Judge,
    *,
    progress: bool,
) -> Choice:
    """The space that leaves the fewest bits, of those around the one of highest evidence.

    ``judge`` gives the log-probability that the validation data are met well enough, and its
    derivatives; it raises where there is none, where the search does not go.

    Raises
    ------
    ValueError
        As `choose`; and where the search begins, as the judge.
    """
    begun = choose(X, Y, replace(question, criterion="evidence"), progress=progress)
    model = question.model(1.0, 0.0, closed=False)
    values = [begun.amplitude, *(value for _, value in begun.kernel.free())]
    searched = [values[i] for i in model.searched] + [begun.noise] * (model.noise is None)
    x = np.log(np.array(searched, dtype=float))
    first = judge(*model.at(x))
    box = box_of(model, question, X, Y)
    evaluations = 0
    with counter("searching for fewer bits", "spaces", shown=progress) as told:

        def bits(x: np.ndarray) -> tuple[float, np.ndarray]:
            """Minus log P, and its derivatives by the logarithms that are searched."""
            nonlocal evaluations
            evaluations += 1
            told.update(1)
            kernel, noise = model.at(x)
            try:
                found = judge(kernel, noise)
            except (ValueError, ArithmeticError):  # no digits, or out of reach: not there
                return math.inf, np.zeros(len(x))
            slopes = [found.parameters[i][1] for i in model.searched]
            slopes += [noise * found.noise] * (model.noise is None)
            return -found.log_probability, -np.array(slopes)

        end = descend(bits, x, *box.ends, gain=_GAIN, steps=_STEPS)
    kernel, noise = model.at(end.x)
    assert isinstance(kernel, Scaled)
    at_bound = box.reached(end.x, model.names)
    if any(abs(end.gradient[i]) > _TOLD for i in at_bound):
        warn(
            f"the search ended on a bound: {', '.join(at_bound.values())}. The validation data may "
            "want more; give wider bounds=, or a smaller target_error."
        )
    return Choice(
        kernel=kernel.kernel,
        amplitude=float(kernel.factor),
        noise=noise,
        criterion="bits",
        value=end.value / _LOG2,
        digits=max(0.0, -math.log10(EPS * judge(kernel, noise).condition)),
        starts=(-first.log_probability / _LOG2,),
        n_start=len(X),
        evaluations=evaluations,
        on_bound=tuple(at_bound.values()),
    )
