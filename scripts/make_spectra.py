"""The laws that a reader can pick on the book's page "Exact bits in your browser".

    python scripts/make_spectra.py [NAME]

Each is written to book/spectra/NAME.json: its weights, degrees of freedom, noncentralities and
floor, in every digit, with a target to begin with and the lines of Python that make it.
"""

import json
import sys
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parents[1] / "book" / "spectra"

FITTED = """import ibhelpers as ib

task = ib.tasks.load({options})
space = ib.GaussianSpace.fit(task)
law = space.loss_law(task)
print(ib.inductive_bias(law, target_error={target}))"""
BY_HAND = """import ibhelpers as ib

law = ib.laws.GeneralizedChi2(
    weights=[0.05, 0.02, 0.005], df=[2, 2, 2], nc=[1, 4, 0], offset=0.01
)
print(ib.inductive_bias(law, target_error={target}))"""


class Offer(NamedTuple):
    """What is said of a law, the target to begin with, and the code that makes it."""

    title: str
    about: str
    target: float
    code: str
    options: str = ""


OFFERED = {  # in the order of the page
    "mnist": Offer(
        "MNIST: 1,000 digits to learn from, 500 new ones",
        "The running example of the course: 500 directions, as many as new digits, and 10 outputs.",
        0.01,
        FITTED,
        '"mnist", n_train=1000, n_test=500, balanced=False',
    ),
    "cifar10": Offer(
        "CIFAR-10: 1,000 photographs to learn from, 500 new ones",
        "As many directions and outputs as for the digits, in a space that leaves more open.",
        0.05,
        FITTED,
        '"cifar10", n_train=1000, n_test=500',
    ),
    "pendulum": Offer(
        "Pendulum: 1,000 forces of an expert to learn from, 500 new ones",
        "One output, and examples that leave next to nothing open: a loss of a ten-millionth is no "
        "luck, and only a target of a hundred-millionth asks for bits.",
        1e-8,
        FITTED,
        '"pendulum", n_train=1000, n_test=500',
    ),
    "toy": Offer(
        "A toy: three directions, chosen by hand",
        "Small enough to change every number and see what it does.",
        0.05,
        BY_HAND,
    ),
}


def spectrum(name: str) -> dict:
    """What the page needs to know of a law."""
    offer = OFFERED[name]
    code = offer.code.format(options=offer.options, target=offer.target)
    made: dict = {}
    exec(code.rpartition("\n")[0], made)  # all but the line that prints
    law = made["law"]
    return {
        "name": name,
        "title": offer.title,
        "about": offer.about,
        "code": code,
        "target": offer.target,
        "floor": law.offset,
        "df": one_or_all(law.df.tolist()),
        "nc": law.nc.tolist(),
        "weights": law.weights.tolist(),
    }


def one_or_all(numbers: list[float]) -> float | list[float]:
    """The number that they all are, or all of them."""
    return numbers[0] if len(set(numbers)) == 1 else numbers


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or OFFERED:
        written = json.dumps(spectrum(name), ensure_ascii=False, indent=1)
        (FOLDER / f"{name}.json").write_text(written + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
