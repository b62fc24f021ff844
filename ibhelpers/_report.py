"""``python -m ibhelpers bits data.csv --target price``: the bits of the reader's own table."""

from __future__ import annotations

import base64
import io
import math
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .bias.compare import models as models_of
from .bias.inductive_bias import inductive_bias
from .bias.worth import worth
from .kernels import RBF, Matern
from .laws import GeneralizedChi2
from .spaces import GaussianSpace
from .tasks import Task
from .tasks._table import prepare, read

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 2000  # of the table; more are drawn from
_SPLITS = 5
_SHARES = (0.5, 0.25, 0.1)  # of the loss of the constant: the targets
_PAID = 20  # bits, which buy the target error at which rows are worth something
_SHOWN = 10  # most and least valuable rows
_MOST_LENGTHS = 20  # inputs for which each gets a lengthscale of its own


@dataclass(frozen=True)
class Report:
    """What was found of a table.

    Attributes
    ----------
    task : Task
        Of the first split.
    space : GaussianSpace
        Chosen on its training rows.
    kinds : DataFrame
        The evidence of the kinds of spaces that were tried.
    bits : DataFrame
        Bits by target error: mean, least and most over the splits.
    models : DataFrame
        What standard models reach on the first split, and provide.
    rows : DataFrame
        The most and the least valuable rows of the table, and the bits they save.
    law : GeneralizedChi2
        Of the loss, on the first split.
    notes : list of str
        What was done.
    """

    task: Task
    space: GaussianSpace
    kinds: pd.DataFrame
    bits: pd.DataFrame
    models: pd.DataFrame
    rows: pd.DataFrame
    law: GeneralizedChi2
    notes: list[str]

    def html(self) -> str:
        """The report as one page that needs no other file."""
        import jinja2

        template = (Path(__file__).parent / "_report.html").read_text(encoding="utf-8")
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        tables = {
            name: getattr(self, name).to_html(index=False, border=0, float_format=_short)
            for name in ("kinds", "bits", "models", "rows")
        }
        return environment.from_string(template).render(
            report=self, tables=tables, figure=_figure(self), paid=_PAID, best=self.best_model
        )

    @property
    def best_model(self) -> dict[str, Any]:
        """The row of the model with the smallest loss."""
        return self.models.iloc[0].to_dict()


def bits_of_table(path: str, target: str, output: str | None, **options: Any) -> int:
    """Print a table's bits and write the report; return 0, or 1 and say what is wrong."""
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            found = examine(path, target, **options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    found.notes.extend(sorted({str(one.message) for one in told if one.category is UserWarning}))
    place = Path(output or f"{found.task.name}_bits.html")
    try:
        place.write_text(found.html(), encoding="utf-8")
    except OSError as error:
        print(f"--output: {str(place)!r} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    for note in found.notes:
        print(note)
    print(f"\n{found.bits.to_string(index=False, float_format=_short)}")
    print(f"\n{found.models.to_string(index=False, float_format=_short)}")
    print(f"\nrows that save, and cost, most bits:\n{found.rows.to_string(index=False)}")
    print(f"\nAs a page, with a figure: {place}")
    return 0


def examine(path: Any, target: str, *, seed: int = 0, **options: Any) -> Report:
    """Choose a space for a table by evidence, and measure."""
    frame, name, said = read(path, "")
    notes = list(said)
    if len(frame) > _MOST_ROWS:
        notes.append(f"{_MOST_ROWS:,} of {len(frame):,} rows, drawn at random.")
        frame = frame.sample(_MOST_ROWS, random_state=seed).sort_index()
    splits = [
        prepare(frame, target, test_size=0.25, seed=seed + i, name=name, **options)
        for i in range(_SPLITS)
    ]
    each = [Task(**split.arguments) for split in splits]
    task = each[0]
    space, kinds = _chosen(task)
    laws = [space.loss_law(task)]
    for other in each[1:]:  # each chooses anew, or the choice would have seen its test rows
        again = GaussianSpace.fit(other, space.kernel, starts=1, progress=False)
        laws.append(again.loss_law(other))
    notes += [
        f"{name}: {task.n_train:,} rows to learn from, {task.n_test:,} to be tested on, "
        f"{task.n_inputs} inputs; {_SPLITS} random splits.",
        f"{task.scaling}.",
        f"Hypotheses are {kinds.iloc[0]['hypotheses']}, chosen by the evidence of the training "
        f"rows; the noise is {space.noise:.3g}.",
    ]
    if space.noise > min(_SHARES):
        notes.append(
            f"A target error below the noise, {space.noise:.3g}, asks hypotheses to agree with the "
            "noise of the test rows: no data save those bits, and no model will reach it."
        )
    models = models_of(task, laws[0], seed=seed).sort_values("test_loss")
    return Report(
        task=task,
        space=space,
        kinds=kinds,
        bits=_bits(laws, each),
        models=models[["candidate", "test_loss", "test_error_rate", "bits"]].dropna(axis=1),
        rows=_rows(frame, frame.index[splits[0].train], space, task, laws[0]),
        law=laws[0],
        notes=notes,
    )


def _chosen(task: Task) -> tuple[GaussianSpace, pd.DataFrame]:
    """The space with the highest evidence, and the evidence of every kind that was tried."""
    import pandas as pd

    kinds: dict[str, tuple[Any, bool]] = {
        "smooth (RBF)": (RBF, False),
        "rough (Matérn 3/2)": (Matern(1.0, nu=1.5), False),
    }
    if task.n_inputs <= _MOST_LENGTHS:
        kinds["smooth, each input with its own lengthscale"] = (RBF, True)
    spaces = {
        kind: GaussianSpace.fit(task, kernel, ard=ard, progress=False)
        for kind, (kernel, ard) in kinds.items()
    }
    evidence = {kind: space.choice.value for kind, space in spaces.items() if space.choice}
    table = pd.DataFrame(
        {"hypotheses": list(evidence), "log evidence, nats": list(evidence.values())}
    ).sort_values("log evidence, nats", ascending=False)
    return spaces[table.iloc[0]["hypotheses"]], table


def _bits(laws: list[GeneralizedChi2], each: list[Task]) -> pd.DataFrame:
    """Bits by target, over the splits."""
    import pandas as pd

    constant = [float(((t.y_test - t.y_train.mean(axis=0)) ** 2).mean()) for t in each]
    rows = []
    for share in _SHARES:
        found = [
            float(inductive_bias(law, share * loss).bits)
            for law, loss in zip(laws, constant, strict=True)
        ]
        target, answered = share * float(np.mean(constant)), f"{share:.0%}"
        rows.append([target, answered, np.mean(found), min(found), max(found)])
    columns = ["target error", "of answering the mean", "bits, on average", "least", "most"]
    return pd.DataFrame(rows, columns=columns)


def _rows(
    frame: pd.DataFrame, names: pd.Index, space: GaussianSpace, task: Task, law: GeneralizedChi2
) -> pd.DataFrame:
    """The training rows that save most bits, and those that cost most."""
    target = float(law.ilogcdf(-_PAID * np.log(2)))
    saved = worth(space, task, target).training
    order = np.argsort(-saved)
    shown = np.concatenate([order[:_SHOWN], order[_SHOWN:][-_SHOWN:]])
    table = frame.loc[names[shown]]
    table.insert(0, "row", names[shown] + 1)
    table.insert(1, "bits saved", saved[shown].round(3))
    return table


def _figure(report: Report) -> str:
    """Bits against the target error, as the data of a PNG image."""
    import matplotlib.pyplot as plt

    law, best = report.law, report.best_model
    low = float(law.ilogcdf(-1000 * np.log(2)))
    x = np.linspace(max(low, law.lowest), law.mean() * 1.02, 200)[1:]
    figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
    ax.plot(x, inductive_bias(law, x).bits)
    if x[0] < best["test_loss"] < x[-1]:
        at = best["test_loss"], float(inductive_bias(law, best["test_loss"]).bits)
        ax.plot(*at, "o")
        ax.annotate(f"{best['candidate']}  ", at, ha="right", va="bottom")
    ax.set(xlabel="target error", ylabel="inductive bias (bits)", ylim=(0, None))
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=150)
    plt.close(figure)
    return base64.b64encode(written.getvalue()).decode()


def _short(value: float) -> str:
    """A number with four digits, no power of ten; infinity as a word."""
    if np.isinf(value):
        return "infinite"
    decimals = 0 if abs(value) < 1e-9 else min(4, max(0, 3 - math.floor(math.log10(abs(value)))))
    return f"{value:,.{decimals}f}"
