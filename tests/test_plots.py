"""Figures of laws, bits and splitting: what they draw, and that they can be read."""

import io
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest

import ibhelpers as ib
from ibhelpers import plots

LAW = ib.laws.ScaledNoncentralChi2(12, 30, 0.01)
LOSSES = LAW.sample(500, seed=0)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def run():
    task = ib.tasks.load("digits", n_train=30, n_test=5, seed=0)
    space = ib.GaussianSpace(ib.kernels.RBF(lengthscale=2.0))
    return ib.rare_event_bias(
        space,
        task,
        loss="mse",
        target_error=0.05,
        particles=50,
        moves=2,
        method="splitting",
        progress=False,
        seed=0,
    )


def check_legibility(figure):
    """Axes labelled, text of at least 8 points at 600 pixels, no warning, a text beside it."""
    assert figure.alt_text.endswith(".")
    assert figure.get_figwidth() <= 6.0  # inches, 600 pixels at 100 an inch
    figure.savefig(io.BytesIO(), dpi=100)  # warnings, such as of missing glyphs, are errors
    bottom = figure.axes[-1]
    assert all(ax.get_ylabel() for ax in figure.axes) and bottom.get_xlabel()
    for text in (t for ax in figure.axes for t in (ax.xaxis.label, ax.yaxis.label, ax.title)):
        assert text.get_fontsize() >= 8


def test_show_tails():
    laws = {"true": LAW, "normal": ib.laws.Normal.fit(LOSSES)}
    figure = plots.show_tails(LOSSES, laws, 0.05)
    check_legibility(figure)
    near, far = figure.axes
    samples = near.lines[0].get_xydata()
    assert samples[0].tolist() == [LOSSES.min(), math.log2(1 / 500)]
    for ax in (near, far):
        lines = {line.get_label(): line for line in ax.lines}
        for name, law in laws.items():
            x, y = lines[name].get_xydata().T
            np.testing.assert_allclose(y, law.logcdf(x) / math.log(2))
        assert len({lines[name].get_linestyle() for name in laws}) == 2
    assert far.lines[0].get_xdata()[0] == 0.05
    assert f"true {LAW.logcdf(0.05) / math.log(2):,.0f}" in figure.alt_text


def test_show_bias():
    targets = np.array([0.3, 0.1, 0.2])
    exact = ib.inductive_bias(LAW, targets)
    fitted = ib.InductiveBias(exact.bits, targets, interval=(exact.bits - 1, exact.bits + 2))
    single = [ib.InductiveBias(9.0, 0.15, interval=(8.0, 11.0)), ib.inductive_bias(LAW, 0.25)]
    sampled = ib.inductive_bias(ib.laws.Empirical.fit(LOSSES), targets)
    figure = plots.show_bias(
        {"exact": exact, "fitted": fitted, "single": single, "sampled": sampled}
    )
    check_legibility(figure)
    (ax,) = figure.axes
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(lines["exact"].get_xydata(), np.c_[targets, exact.bits][[1, 2, 0]])
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == exact.bits.max() + 2
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sorted(name.split(" (")[0] for name in names) == ["exact", "fitted", "sampled", "single"]
    colours = {
        line.get_color() for line in lines.values() if line.get_label() in ("exact", "fitted")
    }
    assert len(colours) == 2 and colours <= set(plots.COLOURS)


def test_show_quantiles():
    figure = plots.show_quantiles(LOSSES, LAW)
    check_legibility(figure)
    expected, losses = figure.axes[0].lines[1].get_xydata().T
    np.testing.assert_array_equal(losses[[0, -1]], [LOSSES.min(), LOSSES.max()])
    np.testing.assert_allclose(expected[[0, -1]], LAW.icdf([0.001, 0.999]))
    np.testing.assert_allclose(np.corrcoef(expected, losses)[0, 1], 1, atol=0.01)


def test_the_band_of_show_quantiles_holds_most_samples_of_its_law_and_few_of_another():
    right, wrong = (
        plots.show_quantiles(LOSSES, LAW),
        plots.show_quantiles(LOSSES, ib.laws.Normal(1, 1)),
    )
    share = [float(f.alt_text.split("; ")[1].split("%")[0]) for f in (right, wrong)]
    assert share[0] < 40 and share[1] > 80  # pointwise, and ranks near each other move together


def test_show_splitting(run):
    figure = plots.show_splitting(run)
    check_legibility(figure)
    for ax, values in zip(
        figure.axes, (run.trace.threshold, 100 * run.trace.acceptance, run.trace.ancestors),
        strict=True,
    ):  # fmt: skip
        x, y = ax.lines[0].get_xydata().T
        np.testing.assert_allclose(x, run.trace.nats / math.log(2))
        np.testing.assert_allclose(y, values)
    assert figure.axes[0].lines[1].get_ydata()[0] == 0.05


def test_show_bridge():
    task = ib.tasks.load("digits", n_train=30, n_test=5, seed=0)
    space = ib.GaussianSpace(ib.kernels.RBF(lengthscale=2.0))
    bias = ib.rare_event_bias(
        space, task, loss="zero_one", target_error=0.0, particles=30, progress=False, seed=0
    )
    figure = plots.show_bridge(bias)
    check_legibility(figure)
    trace = bias.trace
    top, sweeps, families = figure.axes
    np.testing.assert_array_equal(top.lines[0].get_xydata(), np.c_[trace.bits, trace.threshold])
    assert top.lines[0].get_ydata()[-1] == 0
    band = top.collections[0].get_paths()[0].vertices
    assert band[:, 0].max() == trace.high.max()
    assert [bar.get_height() for bar in sweeps.patches] == list(trace.sweeps)
    assert list(families.lines[0].get_ydata()) == list(trace.families)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plots.show_tails(LOSSES, {}, 0.05), "laws: found 0 entries; give 1 to 5."),
        (lambda: plots.show_tails(LOSSES, {"a": LAW}, 0.4), "target_error: found 0.4"),
        (lambda: plots.show_tails([*LOSSES, math.nan], {"a": LAW}, 0.01), "losses: found nan"),
        (lambda: plots.show_bias({}), "biases: found 0 entries; give 1 to 10."),
        (lambda: plots.show_quantiles([math.inf] * 20, LAW), "losses: found inf"),
        (lambda: plots.show_splitting(ib.inductive_bias(LAW, 0.1)), "bias: found"),
        (lambda: plots.show_bridge(ib.inductive_bias(LAW, 0.1)), "bias: found"),
    ],
)
def test_bad_arguments_are_refused(call, says):
    with pytest.raises(ValueError) as error:
        call()
    assert says in str(error.value)


def test_a_bias_without_an_upper_limit_and_a_name_without_bits():
    bias = ib.InductiveBias(5.0, 0.1, interval=(3.0, math.inf))
    figure = ib.plots.show_bias({"one": [bias]})
    assert 5 < figure.axes[0].get_ylim()[1] < 10
    with pytest.raises(ValueError, match="biases: found a name without bits"):
        ib.plots.show_bias({"none": []})


def test_the_colours_are_seaborns():
    import seaborn as sns

    np.testing.assert_allclose(plots.COLOURS, sns.color_palette("colorblind"), atol=1e-12)


def test_a_waterfall_hangs_every_step_from_the_last():
    ax = plt.figure().subplots()
    plots.draw_waterfall(
        ax, ("exact", 100.0), {"model": -30.0, "luck": 5.0, "search": -85.0, "rest": -0.1}, "says"
    )
    bars = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]
    right = [(0, 100), (70, 100), (70, 75), (-10, 75), (-10.1, -10), (-10.1, 0)]
    np.testing.assert_allclose(bars, right)
    assert [text.get_text() for text in ax.texts] == [
        "100",
        "\N{MINUS SIGN}30",
        "+5",
        "\N{MINUS SIGN}85",
        "0",
        "\N{MINUS SIGN}10",
    ]
    named = [label.get_text() for label in ax.get_xticklabels()]
    assert named == ["exact", "model", "luck", "search", "rest", "says"]
    falls, rises = ax.patches[1].get_facecolor(), ax.patches[2].get_facecolor()
    assert falls != rises and falls == ax.patches[3].get_facecolor()


@pytest.mark.parametrize("steps", [{}, {"model": math.inf}, {"model": math.nan}])
def test_a_waterfall_refuses_what_it_cannot_draw(steps):
    with pytest.raises(ValueError, match=r"steps: found .* one or more"):
        plots.draw_waterfall(plt.figure().subplots(), ("exact", 1.0), steps, "said")
