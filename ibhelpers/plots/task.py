"""Examples of a task, drawn as what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._arguments import whole
from .._typed import typed
from ..tasks import Task
from .style import COLOURS, MARKERS, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@typed
def show_task(task: Task, *, examples: int = 12) -> Figure:
    """Draw examples of a task's training set.

    Images as pictures with their class; episodes as rows of support drawings and a query, the
    matching one framed; trajectories as one panel for each observed quantity; other inputs as
    points, in the plane of their two principal components where they have more than one number.

    Parameters
    ----------
    task : Task
        Its ``kind`` says what is drawn.
    examples : int
        How many examples at most are drawn, of those that are not points: the first ones.

    Returns
    -------
    matplotlib.figure.Figure
        With ``alt_text``.

    Raises
    ------
    ValueError
        If ``examples`` is below 1.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> figure = ib.plots.show_task(ib.tasks.load("digits", n_train=20, n_test=10))
    >>> print(figure.alt_text)
    12 training examples of digits, grey images of 8 by 8 pixels, in a grid. Above each stands
    its class: 5, 3, 8, 6, 4, 2, 2, 0, 1, 4, 7, 9.
    """
    examples = whole("examples", examples, at_least=1)
    draw = {
        "image": _show_images,
        "episode": _show_episodes,
        "trajectory": _show_trajectories,
        "vector": _show_points,
    }[task.kind]
    return draw(task, min(examples, task.n_train))


def _show_images(task: Task, n: int) -> Figure:
    columns = min(n, 6)
    figure, axes = _grid(-(-n // columns), columns)
    names = [_target_name(task, i) for i in range(n)]
    for i, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if i < n:
            _picture(ax, task.X_train[i].reshape(task.input_shape))
            ax.set_title(names[i], fontsize="small")
    colour = "colour" if len(task.input_shape) == 3 else "grey"
    height, width = task.input_shape[-2:]
    return _finished(
        figure,
        task,
        f"{_count(n, 'training example')} of {task.name or 'a task'}, {colour} images of {height} "
        f"by {width} pixels, in a grid. Above each stands its "
        f"{'class' if task.labels_train is not None else 'target'}: {', '.join(names)}.",
    )


def _show_episodes(task: Task, n: int) -> Figure:
    import matplotlib.pyplot as plt

    n = min(n, 4)  # rows
    ways = task.input_shape[0] - 1
    figure, axes = _grid(n, ways + 1)
    matches = task.y_train[:n].argmax(axis=1)
    for row in range(n):
        drawings = task.X_train[row].reshape(task.input_shape)
        for column, ax in enumerate(axes[row]):
            _picture(ax, drawings[column])
            ax.set(xticks=[], yticks=[])
            if column == matches[row]:
                ax.set_xlabel("match", color=COLOURS[0], fontweight="bold")
                plt.setp(ax.spines.values(), color=COLOURS[0], linewidth=3)
    for column, ax in enumerate(axes[0]):
        ax.set_title(f"support {column + 1}" if column < ways else "query", fontsize="small")
    found = ", ".join(str(match + 1) for match in matches)
    return _finished(
        figure,
        task,
        f"{_count(n, 'training episode')} of {task.name or 'a task'}, one a row: {ways} support "
        f"drawings of different characters, then the query, another drawing of one of them. The "
        f"support drawing that the query matches is framed; row by row it is number {found}.",
    )


def _show_trajectories(task: Task, n: int) -> Figure:
    import matplotlib.pyplot as plt

    times, n_quantities = task.input_shape
    names = task.input_names or [f"quantity {i + 1}" for i in range(n_quantities)]
    force = task.y_train[:n, 0]
    norm = plt.Normalize(*_symmetric(force))
    columns = min(n_quantities, 2)
    rows = -(-n_quantities // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(8, 2.5 * max(rows, 2)), layout="constrained", squeeze=False
    )
    for quantity, ax in enumerate(axes.flat):
        if quantity >= n_quantities:
            ax.set_axis_off()
            continue
        for i in range(n):
            seen = task.X_train[i].reshape(task.input_shape)[:, quantity]
            colour = plt.get_cmap("cividis")(norm(force[i]))
            ax.plot(range(1 - times, 1), seen, "o-", color=colour, markersize=4)
        ax.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        ax.set(xlabel="steps, counted from the target", ylabel=names[quantity])
        ax.xaxis.get_major_locator().set_params(integer=True)
    target = task.output_names[0] if task.output_names else "target"
    figure.colorbar(plt.cm.ScalarMappable(norm, "cividis"), ax=axes, label=target)
    return _finished(
        figure,
        task,
        f"{_count(n, 'training example')} of {task.name or 'a task'}: a panel for each of "
        f"{', '.join(names)}, over the {_count(times, 'observation')} of an example. The colour "
        f"of a line is the target, {target}, from {force.min():.2g} to {force.max():.2g}.",
    )


def _show_points(task: Task, n: int) -> Figure:
    """Draw all training examples, whatever n: points need no room."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
    target = task.output_names[0] if task.output_names else "target"
    if task.n_inputs == 1:
        where = task.input_names[0] if task.input_names else "input"
        ax.scatter(task.X_train[:, 0], task.y_train[:, 0], color=COLOURS[0], s=14)
        ax.set(xlabel=where, ylabel=target)
        shown = f"{target} against {where}"
    else:
        centred = task.X_train - task.X_train.mean(axis=0)
        plane = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
        plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))  # one example spans no plane
        if task.labels_train is not None:
            _scatter_classes(ax, task, plane)
        else:
            points = ax.scatter(
                plane[:, 0], plane[:, 1], c=task.y_train[:, 0], cmap="cividis", s=14
            )
            figure.colorbar(points, label=target)
        ax.set(xlabel="first principal component", ylabel="second principal component")
        shown = "the inputs in the plane of their two principal components, " + (
            f"coloured by {target}" if task.labels_train is None else "marked by class"
        )
    return _finished(
        figure,
        task,
        f"{_count(task.n_train, 'training example')} of {task.name or 'a task'} as points: "
        f"{shown}.",
    )


def _scatter_classes(ax: Axes, task: Task, plane: np.ndarray) -> None:
    labels = np.asarray(task.labels_train)
    for c in np.unique(labels).tolist():
        x, y = plane[labels == c].T
        colour, marker = COLOURS[c % 10], MARKERS[c % 10]
        ax.scatter(x, y, s=18, color=colour, marker=marker, label=_class_name(task, c))
    columns = 1 + len(np.unique(labels)) // 13
    ax.legend(title="class", ncols=columns, fontsize="small" if columns > 1 else None)


def _picture(ax: Axes, image: np.ndarray) -> None:
    """Draw an image (h, w), or (channels, h, w) of which the first three are red, green, blue."""
    if image.ndim == 3 and len(image) >= 3:
        ax.imshow(np.clip(np.moveaxis(image[:3], 0, -1), 0, 1))
    else:
        ax.imshow(image if image.ndim == 2 else image[0], cmap="gray_r", interpolation="nearest")


def _grid(rows: int, columns: int) -> tuple[Figure, np.ndarray]:
    import matplotlib.pyplot as plt

    size = (1.3 * columns, 1.5 * rows + 0.4)
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)


def _finished(figure: Figure, task: Task, alt_text: str) -> Figure:
    figure.suptitle(task.name)
    return describe(figure, alt_text)


def _symmetric(values: np.ndarray) -> tuple[float, float]:
    limit = float(np.abs(values).max()) or 1.0
    return -limit, limit


def _target_name(task: Task, i: int) -> str:
    if task.labels_train is not None:
        return _class_name(task, int(task.labels_train[i]))
    return ", ".join(f"{value:.2g}" for value in task.y_train[i, :3])


def _class_name(task: Task, c: int) -> str:
    return task.output_names[c] if task.output_names else str(c)


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
