"""``python -m ibhelpers bits data.csv --target price``: the bits of the reader's own table."""

from __future__ import annotations

import base64
import io
import math
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import one_of, seed_of_bits
from ..bias.compare import models as models_of
from ..bias.inductive_bias import inductive_bias
from ..bias.worth import worth
from ..kernels import RBF, Matern
from ..laws import GeneralizedChi2
from ..spaces import GaussianSpace
from ..tasks import Task, with_fewer_examples
from ..tasks.columns import floats, location_and_scale, moments
from ..tasks.prepared import Prepared, prepare, read
from ._advice import Reached, advice

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_AVERAGE = "average of the hypotheses"
_MOST_ROWS = 2000  # of the table; more are drawn from
_FEWEST_ROWS = 5  # to learn from: nearest neighbours are so many
_SPLITS = 5
_SHARES = (0.5, 0.75, 0.9)  # of what varies, to be explained: the targets
_PAID = 20  # bits, which buy the target error at which rows are worth something
_WORDS = {"candidate": "model", "test_loss": "error", "test_error_rate": "wrong"}
_FORMATS = {name: "{:.0%}".format for name in ("explained", "wrong")}  # of shares
_PRINTED = 8  # columns of a row that a terminal shows
_SHOWN = 10  # most and least valuable rows
_SUSPECTS = 3  # rows to be checked first
_MOST_LENGTHS = 30  # inputs for which each gets a lengthscale of its own
_COMPARED = 700  # training rows that choose the kind of hypotheses and their lengthscales


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
        What standard models and the average of the hypotheses reach, and provide: means over the
        splits.
    rows : DataFrame
        The most and the least valuable rows of the table, and the bits they save.
    law : GeneralizedChi2
        Of the loss, on the first split.
    advice : list of str
        What it means, in sentences.
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
    advice: list[str]
    notes: list[str]

    def html(self) -> str:
        """The report as one page that needs no other file."""
        import jinja2

        template = (Path(__file__).parent / "_page.html").read_text(encoding="utf-8")
        environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        tables = {
            name: getattr(self, name)
            .rename(columns=_WORDS if name == "models" else {})
            .to_html(index=False, border=0, float_format=_short, formatters=_FORMATS)
            for name in ("kinds", "bits", "models", "rows")
        }
        return environment.from_string(template).render(
            report=self,
            tables=tables,
            curve=_curve(self),
            bars=_bars(self),
            paid=_PAID,
            shown=_SHOWN,
            best=self.best_model,
            splits=_SPLITS,
        )

    @property
    def best_model(self) -> dict[str, Any]:
        """The row of the standard model with the smallest loss."""
        standard = self.models[self.models["candidate"] != _AVERAGE]
        return standard.iloc[0].to_dict()


def bits_of_table(path: str, target: str, output: str | None, **options: Any) -> int:
    """Print a table's bits and write the report; return 0, or 1 and say what is wrong."""
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", UserWarning)
            found = examine(path, target, **options)
    except ValueError as error:
        print(_of_the_command(str(error)), file=sys.stderr)
        return 1
    found.notes.extend(sorted({str(one.message) for one in told if one.category is UserWarning}))
    place = Path(output or f"{found.task.name}_bits.html")
    try:
        place.write_text(found.html(), encoding="utf-8")
    except OSError as error:
        print(f"--output: {str(place)!r} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    for sentence in found.advice:
        print(f"* {sentence}")
    print("\nWhat was done:")
    for note in found.notes:
        print(note)
    for table in (found.bits, found.models.rename(columns=_WORDS)):
        print(f"\n{table.to_string(index=False, float_format=_short, formatters=_FORMATS)}")
    rows = found.rows.iloc[:, :_PRINTED].to_string(index=False)
    print(f"\nrows that save, and cost, most bits:\n{rows}")
    print(f"\nAs a page, with figures and all columns: {place}")
    return 0


def examine(path: Any, target: str, *, seed: int = 0, **options: Any) -> Report:
    """Choose a space for a table by evidence, and measure."""
    frame, name, said = read(path, "")
    notes = [f"{what[0].upper()}{what[1:]}." for what in said]
    if len(frame) > _MOST_ROWS:
        notes.append(f"{_MOST_ROWS:,} of {len(frame):,} rows, drawn at random.")
        frame = frame.sample(_MOST_ROWS, random_state=seed_of_bits(32, seed)).sort_index()
    splits = _splits(frame, target, seed, name, options)
    each = [Task(**split.arguments) for split in splits]
    if (fewest := min(one.n_train for one in each)) < _FEWEST_ROWS:
        raise ValueError(
            f"frame: found {len(frame)} rows, of which {fewest} are left to learn from; the "
            f"standard models need at least {_FEWEST_ROWS}. Give a table of more rows."
        )
    task = each[0]
    space, kinds = _chosen(task, seed)
    spaces = [space]
    for other in each[1:]:  # each chooses anew, or the choice would have seen its test rows
        if other.input_names != task.input_names:  # a rare word is in one training part only
            spaces.append(_chosen(other, seed)[0])
            continue
        part = GaussianSpace.fit(_part(other, seed), space.kernel, starts=1, progress=False)
        spaces.append(_with_all_rows(part, other))
    laws = [space.loss_law(one) for space, one in zip(spaces, each, strict=True)]
    halves = [
        space.loss_law(with_fewer_examples(one, one.n_train // 2))
        for space, one in zip(spaces, each, strict=True)
    ]
    notes += [
        f"{name}: {task.n_train:,} rows to learn from, {task.n_test:,} to be tested on, "
        f"{task.n_inputs} inputs; {_SPLITS} splits: {task.source.rpartition('; ')[2]}.",
        f"{task.scaling}.",
        f"Hypotheses are {kinds.iloc[0]['hypotheses']}, chosen by the evidence of "
        f"{min(task.n_train, _COMPARED):,} training rows. They take "
        f"{min(space.noise / _of_the_mean(task), 1):.0%} of what varies for noise.",
        *_doubts(frame, target, task),
    ]
    by_split = _models(each, spaces, laws, seed)
    models = by_split.groupby("candidate", as_index=False).mean()
    models = models.sort_values("test_loss", ignore_index=True)
    answers = None if task.labels_train is not None else _answers(frame, target, splits[0])
    deviation = 0.0 if answers is None else location_and_scale(answers)[1]
    constant = np.array([_of_the_mean(one) for one in each])
    average = np.array([_of_the_average(law) for law in laws])
    best = models[models["candidate"] != _AVERAGE].iloc[0]
    names = frame.index[splits[0].train]
    rows, suspects = _rows(frame, names, target, space, task, laws[0], deviation)
    reached = Reached(
        n_train=task.n_train,
        typical=1 - np.array([law.mean() for law in laws]) / constant,
        average=1 - average / constant,
        halved=1 - np.array([_of_the_average(law) for law in halves]) / constant,
        noise=space.noise / constant.mean(),
        best=by_split.loc[by_split["candidate"] == best["candidate"], "explained"].to_numpy(),
        best_name=best["candidate"],
        best_bits=best["bits"],
        misses=np.sqrt(average) * deviation if deviation else None,
        wrong=_wrong(by_split),
        answers=answers,
    )
    return Report(
        task=task,
        space=space,
        kinds=kinds,
        bits=_bits(laws, constant, space.noise, deviation),
        models=models,
        rows=rows,
        law=laws[0],
        advice=advice(target, reached, suspects),
        notes=notes,
    )


def _splits(
    frame: pd.DataFrame, target: str, seed: int, name: str, options: dict[str, Any]
) -> list[Prepared]:
    """Five splits; where time counts, each ends earlier than the one before."""
    found = []
    if options.get("time"):
        when = one_of("time", options["time"], frame.columns)
        if frame[when].isna().any():
            raise ValueError(f"time: found missing values in {when!r}. Drop these rows.")
        order = np.argsort(moments(when, frame[when]), kind="stable")
        for i in range(_SPLITS):
            kept = np.sort(order[: len(order) - i * len(order) // 20])
            part = prepare(
                frame.iloc[kept], target, test_size=0.25, seed=seed, name=name, **options
            )
            found.append(Prepared(part.arguments, kept[part.train], kept[part.test]))
        return found
    return [
        prepare(frame, target, test_size=0.25, seed=seed + i, name=name, **options)
        for i in range(_SPLITS)
    ]


def _chosen(task: Task, seed: int) -> tuple[GaussianSpace, pd.DataFrame]:
    """The kind of highest evidence for a part of the rows, fitted to all; and the evidence."""
    import pandas as pd

    kinds: dict[str, tuple[Any, bool]] = {
        "smooth (RBF)": (RBF, False),
        "rough (Matérn 3/2)": (Matern(1.0, nu=1.5), False),
    }
    if task.n_inputs <= _MOST_LENGTHS:
        kinds["smooth, each input with its own lengthscale"] = (RBF, True)
        kinds["rough, each input with its own lengthscale"] = (Matern(1.0, nu=1.5), True)
    part = _part(task, seed)
    spaces = {
        kind: GaussianSpace.fit(part, kernel, ard=ard, starts=2, progress=False)
        for kind, (kernel, ard) in kinds.items()
    }
    evidence = {kind: space.choice.value for kind, space in spaces.items() if space.choice}
    table = pd.DataFrame(
        {"hypotheses": list(evidence), "log evidence, nats": list(evidence.values())}
    ).sort_values("log evidence, nats", ascending=False)
    return _with_all_rows(spaces[table.iloc[0]["hypotheses"]], task), table


def _with_all_rows(space: GaussianSpace, task: Task) -> GaussianSpace:
    """The space of a part of the rows, its amplitude and noise chosen anew by all of them."""
    if task.n_train <= _COMPARED:
        return space
    return GaussianSpace.fit(task, space.kernel, hold="kernel", starts=1, progress=False)


def _part(task: Task, seed: int) -> Task:
    """The task with so many training rows as lengthscales are chosen by, drawn at random."""
    if task.n_train <= _COMPARED:
        return task
    return with_fewer_examples(task, _COMPARED, seed=seed)


def _of_the_mean(task: Task) -> float:
    """The loss of answering the mean of the training targets."""
    return float(((task.y_test - task.y_train.mean(axis=0)) ** 2).mean())


def _of_the_average(law: GeneralizedChi2) -> float:
    """The loss of the average of all hypotheses: that of one without its variance."""
    return law.mean() - float((law.weights * law.df).sum())


def _answers(frame: pd.DataFrame, target: str, split: Prepared) -> np.ndarray:
    """The target's numbers in the training rows, in their own unit."""
    return floats(frame[target].iloc[split.train])


def _bits(
    laws: list[GeneralizedChi2], constant: np.ndarray, noise: float, deviation: float
) -> pd.DataFrame:
    """Bits by target, over the splits."""
    import pandas as pd

    rows = []
    for share in _SHARES:
        targets = (1 - share) * constant
        found = [
            float(inductive_bias(law, target).bits)
            for law, target in zip(laws, targets, strict=True)
        ]
        target = float(targets.mean())
        row: dict[str, Any] = {"explained": share, "target error": target}
        if deviation:
            row["typical miss"] = math.sqrt(target) * deviation
        row |= {"bits, on average": np.mean(found), "least": min(found), "most": max(found)}
        row["within reach"] = "yes" if target > noise else "no, noise"
        rows.append(row)
    return pd.DataFrame(rows)


def _models(
    tasks: Sequence[Task],
    spaces: Sequence[GaussianSpace],
    laws: Sequence[GeneralizedChi2],
    seed: int,
) -> pd.DataFrame:
    """Of every split, standard models and the average of the hypotheses."""
    import pandas as pd

    found = []
    for task, space, law in zip(tasks, spaces, laws, strict=True):
        loss, answers = _of_the_average(law), space.posterior(task).mean.numpy()
        own = {"candidate": _AVERAGE, "test_loss": loss, "bits": inductive_bias(law, loss).bits}
        if task.labels_test is not None:
            own["test_error_rate"] = (answers.argmax(axis=1) != task.labels_test).mean()
        table = pd.concat([models_of(task, law, seed=seed), pd.DataFrame([own])])
        table = table[["candidate", "test_loss", "test_error_rate", "bits"]].dropna(axis=1)
        table.insert(1, "explained", 1 - table["test_loss"] / _of_the_mean(task))
        found.append(table)
    return pd.concat(found)


def _wrong(by_split: pd.DataFrame) -> np.ndarray | None:
    """The error rates of the average of the hypotheses; None where there are no classes."""
    if "test_error_rate" not in by_split:
        return None
    return by_split.loc[by_split["candidate"] == _AVERAGE, "test_error_rate"].to_numpy()


def _rows(
    frame: pd.DataFrame,
    names: pd.Index,
    target: str,
    space: GaussianSpace,
    task: Task,
    law: GeneralizedChi2,
    deviation: float,
) -> tuple[pd.DataFrame, list[int]]:
    """The training rows that save most bits, and those that cost most, and what others expect.

    Beside them the numbers of those that cost most of all of which the others expect something
    else: another class, or a number two of their own standard deviations away.
    """
    reached = float(law.ilogcdf(-_PAID * np.log(2)))
    saved = worth(space, task, reached).training
    order = np.argsort(-saved)
    shown = np.concatenate([order[:_SHOWN], order[_SHOWN:][-_SHOWN:]])
    left_out = space.leave_one_out(task)
    others, known = left_out.mean.numpy()[shown], task.y_train[shown]
    table = frame.loc[names[shown]]
    if deviation:
        mean = floats(frame.loc[names, target]).mean()
        expected: list[Any] = [_short(mean + deviation * value) for value in others[:, 0]]
        away = np.abs(others - known)[:, 0] / np.sqrt(left_out.variance.numpy()[shown])
        contradicted = away > 2
    else:
        expected = [(task.output_names or ())[i] for i in others.argmax(axis=1)]
        contradicted = others.argmax(axis=1) != known.argmax(axis=1)
    numbers = names[shown] + 1
    first = [
        ("row", numbers),
        ("bits saved", saved[shown].round(3)),
        (target, table[target]),
        ("others expect", expected),
    ]
    rest = table.drop(columns=target)
    for place, (name, values) in enumerate(first):  # of which the table may have some, too
        rest.insert(place, name, values, allow_duplicates=True)
    against = numbers[(saved[shown] < 0) & contradicted][::-1]
    return rest, sorted(against[:_SUSPECTS].tolist())


def _doubts(frame: pd.DataFrame, target: str, task: Task) -> list[str]:
    """What looks like a mistake: a column that is the target, or the row number, or classes."""
    said = []
    known = task.y_train[:, 0]
    for name, values in zip(task.input_names or (), task.X_train.T, strict=True):
        with np.errstate(invalid="ignore", divide="ignore"):
            alike = abs(np.corrcoef(values, known)[0, 1])
        if task.n_outputs <= 2 and alike > 0.999:
            said.append(
                f"{name} is the target but for its scale (correlation {alike:.4f}). If it is known "
                f"only together with {target}, drop it."
            )
        if name in frame and frame[name].dtype.kind in "iu":
            steps = np.diff(frame[name].to_numpy()[np.argsort(frame.index, kind="stable")])
            if (steps == steps[0]).all() and steps[0] != 0:
                said.append(f"{name} counts the rows. If it only numbers them, drop it.")
    if task.labels_train is None and frame[target].nunique() <= 10:
        said.append(
            f"{target} has {frame[target].nunique()} different numbers. They were taken for "
            "numbers; if they name classes, say so: --classes."
        )
    return said


def _of_the_command(message: str) -> str:
    """A message of `Task.from_frame` in the words of the command line."""
    message = message.removeprefix("frame: ")
    for argument, option in (
        (r"drop=\[('[^']*')\]", r"--drop \1"),
        (r"drop=\[\.\.\.\]", "--drop COLUMN"),
        (r"time=('[^']*')", r"--time \1"),
        ("impute=True", "--impute"),
        (r"Drop these rows: frame\.dropna\(subset=\[\.\.\.\]\)\.", "Delete these rows."),
        (r"drop=, groups= or time= too", "--drop, --groups or --time too"),
        (r"time=", "--time"),
    ):
        message = re.sub(argument, option, message)
    return message


def _curve(report: Report) -> str:
    """Bits against what is explained, as the data of a PNG image."""
    import matplotlib.pyplot as plt

    law, constant = report.law, _of_the_mean(report.task)
    low = float(law.ilogcdf(-1000 * np.log(2)))
    x = np.linspace(max(low, law.lowest), law.mean() * 1.02, 200)[1:]
    figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
    ax.plot(100 * (1 - x / constant), inductive_bias(law, x).bits)
    if x[0] < report.space.noise < x[-1]:
        ax.axvline(100 * (1 - report.space.noise / constant), linestyle="--", color="0.4")
        ax.text(
            100 * (1 - report.space.noise / constant),
            0.98,
            " noise beyond",
            transform=ax.get_xaxis_transform(),
            va="top",
            color="0.3",
        )
    ax.set(xlabel="explained on unseen rows (%)", ylabel="inductive bias (bits)", ylim=(0, None))
    return _image(figure)


def _bars(report: Report) -> str:
    """What each model explains, as the data of a PNG image."""
    import matplotlib.pyplot as plt

    models, constant = report.models.iloc[::-1], _of_the_mean(report.task)
    shares = 100 * models["explained"]
    figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
    colours = ["C1" if name == _AVERAGE else "C0" for name in models["candidate"]]
    ax.barh(models["candidate"], np.maximum(shares, 0), color=colours)
    if 0 < report.space.noise < constant:
        ax.axvline(100 * (1 - report.space.noise / constant), linestyle="--", color="0.4")
    ax.set(xlabel="explained on unseen rows (%)", xlim=(0, 100))
    return _image(figure)


def _image(figure: Figure) -> str:
    import matplotlib.pyplot as plt

    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=150)
    plt.close(figure)
    return base64.b64encode(written.getvalue()).decode()


def _short(value: float) -> str:
    """A number with four digits, no power of ten; infinity as a word."""
    if np.isinf(value):
        return "infinite"
    decimals = 0 if abs(value) < 5e-5 else min(4, max(0, 3 - math.floor(math.log10(abs(value)))))
    return f"{value:,.{decimals}f}"
