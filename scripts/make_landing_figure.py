"""The figure of the book's first page, for light and for dark screens.

    python scripts/make_landing_figure.py

What 1,000 digits of MNIST leave open: bits against target error, and where 10,000 hypotheses lie.
"""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

import ibhelpers as ib

FOLDER = Path(__file__).resolve().parents[1] / "book" / "_static"
TARGET = 0.01
# Text, the line, the point, and the strip where the sample lies.
THEMES = {
    "light": ("#1f2328", "#0969da", "#b35900", "#d0d7de"),
    "dark": ("#e6edf3", "#58a6ff", "#f0a35e", "#3d444d"),
}
TEXT = ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"]


def drawn(targets, bits, there, losses, line, point, strip):
    """Bits against targets, the point at TARGET, and where the losses lie."""
    figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    ax.axvspan(losses.min(), losses.max(), color=strip, lw=0)
    ax.plot(targets, bits, color=line, lw=2.5)
    ax.plot(TARGET, there, "o", color=point, ms=9)
    bold = {"color": point, "fontsize": 14, "fontweight": "bold"}
    ax.annotate(f"{there:,.0f} bits", (TARGET, there), (10, 8), textcoords="offset points", **bold)
    said = "10,000 random\nhypotheses that\nfit the data:\nall in here"
    ax.text(losses.min() - 4e-4, bits[0] * 0.6, said, ha="right", va="center")
    ax.set(xlabel="how good it should be (mean squared error on new digits)")
    ax.set(ylabel="bits it takes", xlim=(0, losses.max() * 1.01), ylim=(0, bits[0] * 1.03))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Write both files."""
    task = ib.tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    space = ib.GaussianSpace.fit(task)
    law = space.loss_law(task)
    losses = space.sample_losses(task, 10_000, seed=0)
    targets = np.linspace(0.0015, losses.max(), 200)
    bits = ib.inductive_bias(law, targets).bits
    there = ib.inductive_bias(law, TARGET).bits
    # Not a date, nor other names for its parts: the same figure is the same file.
    plt.rcParams |= {"svg.hashsalt": "landing", "font.size": 12}
    for theme, colours in THEMES.items():
        plt.rcParams |= dict.fromkeys(TEXT, colours[0])
        figure = drawn(targets, bits, there, losses, *colours[1:])
        figure.savefig(FOLDER / f"bits_{theme}.svg", transparent=True, metadata={"Date": None})
    print(f"{there:,.1f} bits at {TARGET}; losses from {losses.min():.4f} to {losses.max():.4f}")


if __name__ == "__main__":
    main()
