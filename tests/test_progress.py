"""Progress bars: what may take long shows one, which fills up, and can be told not to."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from tqdm.auto import tqdm

import ibhelpers as ib
from ibhelpers import _progress
from ibhelpers.tasks import intrinsic_dimension

LOSSES = ib.laws.ScaledNoncentralChi2(df=12, nc=30, scale=0.01).sample(200, seed=0)


@pytest.fixture
def bars(monkeypatch):
    """What every bar said when it was closed; even the shortest work shows one."""
    closed = []

    class Noted(tqdm):
        def close(self):
            if not self.disable:
                closed.append((self.desc.removesuffix(": "), self.n, self.total))
            super().close()

    monkeypatch.setattr(_progress, "tqdm", Noted)
    monkeypatch.setattr(_progress, "_LONG", 0.0)
    return closed


@pytest.fixture(scope="module")
def task():
    return ib.tasks.load("digits", n_train=60, n_test=20)


def compare_models(task, progress):
    law = ib.GaussianSpace(0.1 * ib.kernels.RBF(2.0), progress=False).loss_law(task)
    ib.compare.models(task, law, {"ridge": Ridge(), "2": Ridge(2.0)}, seed=0, progress=progress)


LONG = {
    "a search that goes nowhere else": lambda task, progress: ib.paper.released_fit(
        LOSSES, progress=progress
    ),
    "training as released": lambda task, progress: ib.paper.released_law(
        ib.tasks.load("digits", n_train=10, n_test=5),
        ib.kernels.RBF(2.0),
        epochs=500,
        seed=0,
        progress=progress,
    ),
    "the bound's parameters": lambda task, progress: ib.bounds.estimate(
        task, n_resamples=20, progress=progress
    ),
    "the intrinsic dimension": lambda task, progress: intrinsic_dimension(
        task.X_train, progress=progress
    ),
    "resamples": lambda task, progress: ib.estimate_bias(LOSSES, 0.1, n_boot=5, progress=progress),
    "models": compare_models,
}


@pytest.mark.parametrize("what", LONG)
def test_long_work_shows_a_bar_that_fills_up_and_can_be_silenced(what, task, bars):
    LONG[what](task, False)
    assert not bars
    LONG[what](task, True)
    assert bars
    for name, done, total in bars:
        # The released search gives up after so many steps, or finds an end before.
        reached = 0.1 * total <= done if name == "released search" else done == pytest.approx(total)
        assert reached and done <= total * (1 + 1e-9), (name, done, total)


def test_a_bar_over_draws_stands_for_those_of_its_questions(task, bars):
    def question(task):
        space = ib.GaussianSpace(0.1 * ib.kernels.RBF(2.0))
        return {"mean": float(space.sample_losses(task, 10, seed=0).mean())}

    ib.compare.draws(question, task, 3, processes=1)
    assert bars == [("draws", 3, 3)]
    question(task)
    assert len(bars) > 1


def test_a_failed_question_leaves_later_bars_alone(task, bars):
    def question(task):
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError):
        ib.compare.draws(question, task, 3, processes=1)
    del bars[:]
    intrinsic_dimension(task.X_train)
    assert len(bars) == 1


def test_a_count_says_nothing_before_two_seconds(capsys, monkeypatch):
    for patience, said in ((3600, ""), (0, "levels")):
        monkeypatch.setattr(_progress, "_PATIENCE", patience)
        with _progress.counter("splitting", "levels") as bar:
            bar.set_postfix_str("3 bits", refresh=False)
            bar.update()
        assert said in (shown := capsys.readouterr().err) and bool(shown) == bool(said)


def test_points_of_several_blocks_have_the_neighbours_of_one(monkeypatch):
    """Against all distances, sorted."""
    X = np.random.default_rng(0).standard_normal((90, 3))
    whole = intrinsic_dimension(X)
    apart = np.linalg.norm(X[:, None] - X, axis=2)
    nearest = np.sort(apart, axis=1)[:, 1:6]
    logs = np.log(nearest[:, -1:] / nearest[:, :-1])
    assert whole.dimension == pytest.approx((logs.size - 1) / logs.sum(), rel=1e-12)
    monkeypatch.setattr("ibhelpers.tasks.dimension._ROWS", 32)
    assert intrinsic_dimension(X).dimension == pytest.approx(whole.dimension, rel=1e-12)
