"""Every kind of task can be drawn: the right things in the right panels, with alt text."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from ibhelpers import Task, plots, tasks


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def pictures(figure):
    return [ax.images[0].get_array() for ax in figure.axes if ax.images]


def test_grey_images():
    task = tasks.load("digits", n_train=40, n_test=10)
    figure = plots.show_task(task, examples=8)
    assert len(pictures(figure)) == 8
    np.testing.assert_array_equal(pictures(figure)[3], task.X_train[3].reshape(8, 8))
    titles = [ax.get_title() for ax in figure.axes if ax.images]
    assert titles == [str(c) for c in task.labels_train[:8]]
    assert "8 training examples of digits, grey images of 8 by 8" in figure.alt_text
    assert ", ".join(titles) in figure.alt_text


def test_colour_images():
    task = tasks.load("cifar10", n_train=30, n_test=10)
    figure = plots.show_task(task, examples=5)
    red_green_blue = task.X_train[4].reshape(3, 32, 32).transpose(1, 2, 0)
    np.testing.assert_array_equal(pictures(figure)[4], red_green_blue)
    assert "colour images of 32 by 32" in figure.alt_text
    assert figure.axes[0].get_title() in tasks.cifar10.CLASSES


def test_episodes():
    task = tasks.load("few_shot", n_train=20, n_test=10, ways=3)
    figure = plots.show_task(task)
    assert len(pictures(figure)) == 4 * 4
    marked = [i for i, ax in enumerate(figure.axes) if ax.get_xlabel() == "match"]
    assert marked == [4 * row + c for row, c in enumerate(task.labels_train[:4])]
    assert [ax.get_title() for ax in figure.axes[:4]] == [
        *("support 1", "support 2", "support 3"),
        "query",
    ]
    assert ", ".join(str(c + 1) for c in task.labels_train[:4]) in figure.alt_text


@pytest.mark.parametrize(("observed", "panels"), [("full", 4), ("partial", 2)])
def test_trajectories(observed, panels):
    task = tasks.load("pendulum", n_train=20, n_test=5, observations=6, observed=observed)
    figure = plots.show_task(task, examples=7)
    *drawn, colours = figure.axes
    assert [ax.get_ylabel() for ax in drawn] == list(task.input_names)
    assert colours.get_ylabel() == "force / 2 N"
    seen = task.X_train[2].reshape(6, panels)[:, -1]
    np.testing.assert_array_equal(drawn[-1].lines[2].get_ydata(), seen)
    assert "7 training examples of pendulum" in figure.alt_text


def test_points():
    figure = plots.show_task(tasks.load("synthetic", n_train=50, n_test=5, ambient=4))
    assert len(figure.axes[0].collections[0].get_offsets()) == 50
    x = np.linspace(0, 1, 9)[:, None]
    figure = plots.show_task(Task(x, x**2, x, x**2, input_names=["time"], output_names=["height"]))
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("time", "height")
    assert figure.alt_text == "9 training examples of a task as points: height against time."


def test_points_with_classes_are_told_apart_by_more_than_colour():
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    X, y = rng.standard_normal((30, 5)), np.eye(3)[labels]
    task = Task(X, y, X, y, labels_train=labels, output_names=["a", "b", "c"])
    (ax,) = plots.show_task(task).axes
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]
    shapes = {tuple(map(tuple, c.get_paths()[0].vertices.round(3))) for c in ax.collections}
    assert len(shapes) == 3


def test_images_without_classes_show_their_targets():
    X = np.random.default_rng(0).random((4, 9))
    task = Task(X, [[0.25], [1.0], [2.0], [3.0]], X, np.zeros((4, 1)), input_shape=(3, 3))
    figure = plots.show_task(task)
    assert figure.axes[0].get_title() == "0.25"
    assert "Above each stands its target: 0.25, 1, 2, 3." in figure.alt_text


def test_showing_in_a_notebook_carries_the_alt_text(monkeypatch):
    shown = {}
    monkeypatch.setattr("IPython.display.display", lambda figure, **more: shown.update(more))
    figure = plots.show_task(tasks.load("digits", n_train=5, n_test=5))
    plots.show(figure)
    assert shown["metadata"] == {"image/png": {"alt": figure.alt_text}}
    assert not plt.fignum_exists(figure.number)  # or a notebook would draw it twice


@pytest.mark.parametrize("examples", [0, -1])
def test_bad_input(examples):
    with pytest.raises(ValueError, match="examples: found"):
        plots.show_task(tasks.load("digits", n_train=5, n_test=5), examples=examples)


def test_a_single_example_and_many_classes():
    rng = np.random.default_rng(0)
    one = Task(rng.normal(size=(1, 5)), np.ones((1, 1)), rng.normal(size=(2, 5)), np.ones((2, 1)))
    assert "1 training example" in plots.show_task(one).alt_text
    labels = np.arange(100) % 25
    many = Task(
        *(rng.normal(size=(100, 3)), np.eye(25)[labels]) * 2,
        labels_train=labels,
        labels_test=labels,
    )
    figure = plots.show_task(many)
    figure.draw_without_rendering()
    (ax,) = figure.axes
    legend = ax.get_legend().get_window_extent()
    assert legend.height < 1.01 * ax.get_window_extent().height
    for examples in (0, -1):
        with pytest.raises(ValueError, match="examples: found"):
            plots.show_task(many, examples=examples)
