"""Conditioning in tiles on disk: the numbers of memory, whatever stops it on the way."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch

import ibhelpers as ib
from ibhelpers.kernels import RBF, FunctionKernel, Matern, OnDisk
from ibhelpers.spaces import _tiles, _work
from tests.examples import a_task
from tests.largest import Largest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(_tiles, "_WIDTHS", (32, 32))


def tiles_in(folder):
    return sorted(folder.rglob("*.tile"))


def assert_alike(a, b, condition=1e4):
    """To rounding, in the shares in which rounding is expected."""
    within = {"rtol": 1e-10, "atol": 1e-14 * condition}
    np.testing.assert_allclose(b.mean, a.mean, **within)
    np.testing.assert_allclose(b.covariance, a.covariance, **within)
    assert torch.equal(b.covariance, b.covariance.T)
    for name in ("jitter", "condition", "resolution", "mean_error", "mean_error_together"):
        assert getattr(b, name) == pytest.approx(getattr(a, name), rel=1e-5), name


# --- the same numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_any_sizes_give_what_memory_gives(seed, tmp_path, narrow):
    """Smaller than a tile, no multiple of one, one output, one example, no noise."""
    rng = np.random.default_rng(seed)
    n, m = ([1, 31, 32, 33, 64, 100][seed // 2], int(rng.integers(61, 100)))
    task = a_task(n, m, k=int(rng.integers(1, 4)), d=int(rng.integers(4, 8)), seed=seed)
    kernel, noise = (Matern(1.0) if seed % 2 else 0.7 * RBF(1.0)), [0.0, 0.01, 0.3][seed % 3]
    here = ib.GaussianSpace(kernel, noise=noise)
    there = ib.GaussianSpace(kernel, noise=noise, out_of_core=tmp_path)
    assert_alike(here.posterior(task), there.posterior(task))
    evidence = here.log_marginal_likelihood(task)
    assert there.log_marginal_likelihood(task) == pytest.approx(evidence, rel=1e-10)
    law = here.loss_law(task)
    x = law.mean() * np.array([0.1, 0.5, 1.0, 2.0])
    np.testing.assert_allclose(there.loss_law(task).logcdf(x), law.logcdf(x), rtol=1e-8)
    sizes = sorted({1, n // 2 + 1, n})
    curve, nested = here.learning_curve(task, sizes), there.learning_curve(task, sizes)
    for size in sizes:
        assert nested[size].mean() == pytest.approx(curve[size].mean(), rel=1e-10)
        assert nested[size].variance() == pytest.approx(curve[size].variance(), rel=1e-9)


def test_what_the_formulas_say(tmp_path, narrow):
    task = a_task(90, 70)
    A, Z = task.X_train, task.X_test

    def kernel(a, b):
        return np.exp(-((a[:, None] - b) ** 2).sum(-1) / 2)

    K, cross = kernel(A, A) + 0.01 * np.eye(90), kernel(A, Z)
    gain = np.linalg.solve(K, cross)
    posterior = ib.GaussianSpace(RBF(1.0), noise=0.01, out_of_core=tmp_path).posterior(task)
    np.testing.assert_allclose(posterior.mean, gain.T @ task.y_train, atol=1e-12)
    np.testing.assert_allclose(posterior.covariance, kernel(Z, Z) - gain.T @ cross, atol=1e-12)


def test_small_tasks_keep_all_their_digits(tmp_path):
    task, kernel = a_task(20, 10, d=2), RBF(30.0)  # nearly singular: answered in ball arithmetic
    here, there = ib.GaussianSpace(kernel), ib.GaussianSpace(kernel, out_of_core=tmp_path)
    assert torch.equal(here.posterior(task).mean, there.posterior(task).mean)


def test_what_needs_the_inverse_is_computed_in_memory(tmp_path, narrow):
    task = a_task(70, 65)
    here = ib.GaussianSpace(RBF(1.0), noise=0.1)
    there = ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=tmp_path)
    np.testing.assert_array_equal(ib.worth(there, task, 0.1).bits, ib.worth(here, task, 0.1).bits)
    assert there.leave_one_out(task).mse == here.leave_one_out(task).mse
    assert there.assess(task).log_marginal_likelihood == here.log_marginal_likelihood(task)
    assert not tiles_in(tmp_path)


@pytest.mark.filterwarnings("ignore:the covariance of the 70 training inputs")
def test_jitter_is_added_as_in_memory_and_what_failed_is_not_tried_again(
    tmp_path, narrow, monkeypatch
):
    task = a_task(70, 65)
    X, y = task.X_train.copy(), task.y_train.copy()
    X[50], y[50] = X[0], y[0]
    twice = ib.Task(X, y, task.X_test, task.y_test)
    there = ib.GaussianSpace(RBF(1.0), out_of_core=tmp_path)
    posterior = there.posterior(twice)
    in_memory = ib.GaussianSpace(RBF(1.0)).posterior(twice)
    assert posterior.jitter == in_memory.jitter > 0
    np.testing.assert_allclose(posterior.covariance, in_memory.covariance, atol=1e-6)
    assert len({file.parent for file in tiles_in(tmp_path)}) == 1  # of the failure, none are left
    monkeypatch.setattr(_tiles, "_covariances", None)  # nothing is asked for again
    assert torch.equal(there.posterior(twice).mean, posterior.mean)


def test_inputs_that_the_kernel_cannot_tell_apart_are_refused_in_the_same_words(tmp_path, narrow):
    for place in ({}, {"out_of_core": tmp_path}):
        with pytest.raises(ValueError, match=r"cannot tell apart to working precision"):
            ib.GaussianSpace(ib.kernels.Constant(), **place).posterior(a_task(70, 65))


def test_no_array_of_all_training_examples_is_made(tmp_path, narrow):
    task = a_task(400, 62)
    space = ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=tmp_path)
    with Largest(torch.empty(0)) as largest:
        space.posterior(task)
    assert 0 < largest.numel <= 400 * 62


# --- interrupted ----------------------------------------------------------------------------------

PROGRAM = """
    import sys, time
    import ibhelpers as ib
    from ibhelpers.spaces import _tiles
    from tests.examples import a_task

    _tiles._WIDTHS = 32, 32
    made = _tiles._covariances
    def slowly(*given):
        time.sleep(0.05)
        return made(*given)
    _tiles._covariances = slowly
    ib.GaussianSpace(ib.kernels.RBF(1.0), noise=0.1, out_of_core=sys.argv[1]).posterior(
        a_task(400, 62)
    )
    print("done")
"""


def test_a_run_that_was_killed_goes_on_from_its_tiles(tmp_path, narrow):
    task = a_task(400, 62)
    running = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    while len(tiles_in(tmp_path)) < 20:
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    assert running.communicate()[0] == b""
    before = {file: file.stat().st_mtime_ns for file in tiles_in(tmp_path)}
    posterior = ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=tmp_path).posterior(task)
    after = tiles_in(tmp_path)
    assert 20 <= len(before) < len(after) == 13 * 14 // 2 + 13 * 3
    assert all(file.stat().st_mtime_ns == then for file, then in before.items())
    assert_alike(ib.GaussianSpace(RBF(1.0), noise=0.1).posterior(task), posterior)


def test_a_damaged_tile_is_told_and_made_again(tmp_path, narrow):
    task = a_task(70, 65)
    space = ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=tmp_path)
    first = space.posterior(task)
    files = tiles_in(tmp_path)
    damages = ["short", "empty", "changed", "turned", "another's"]
    for file, damage in zip(files, damages, strict=False):
        content = bytearray(file.read_bytes())
        turned = content.replace(b"<f8", b">f8")  # one bit, which no checksum of numbers sees
        content[-40] ^= 1
        file.write_bytes(
            {
                "short": content[:-9],
                "empty": b"",
                "changed": content,
                "turned": turned,
                "another's": files[5].read_bytes(),
            }[damage]
        )
    with pytest.warns(UserWarning, match="is damaged; its part .* is done again") as told:
        again = space.posterior(task)
    assert len(told) == len(damages)
    assert torch.equal(again.covariance, first.covariance)


def test_tiles_keep_their_width_when_memory_gets_short(tmp_path, monkeypatch):
    task = a_task(100, 62)
    space = ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=tmp_path)
    monkeypatch.setattr(_tiles, "_WIDTHS", (40, 40))
    first = space.posterior(task)
    monkeypatch.setattr(_tiles, "_WIDTHS", (16, 16))
    monkeypatch.setattr(_tiles, "_covariances", None)
    assert torch.equal(space.posterior(task).covariance, first.covariance)


@pytest.mark.parametrize("widths", [(40, 20), (16, 40), (40, 200)])
def test_tiles_of_two_widths_are_not_mistaken_for_each_other(tmp_path, monkeypatch, widths):
    """As of two processes that began at once, or where what says the width was lost."""
    task = a_task(100, 62)
    space = ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=tmp_path)
    for width in widths:
        monkeypatch.setattr(_tiles, "_WIDTHS", (width, width))
        posterior = space.posterior(task)
        next(tmp_path.rglob("about.json")).write_text("")
    assert_alike(ib.GaussianSpace(RBF(1.0), noise=0.1).posterior(task), posterior)


@pytest.mark.parametrize("change", ["kernel", "noise", "X_train", "y_train", "X_test"])
def test_tiles_of_another_question_are_never_taken(change, tmp_path, narrow):
    task, kernel, noise = a_task(70, 65), RBF(1.0), 0.1
    ib.GaussianSpace(kernel, noise=noise, out_of_core=tmp_path).posterior(task)
    if change == "kernel":
        kernel = RBF(1.0 + 1e-15)
    elif change == "noise":
        noise *= 1 + 1e-15
    else:
        arrays = {a: getattr(task, a).copy() for a in ("X_train", "y_train", "X_test", "y_test")}
        arrays[change][3, 1] += 1e-15
        task = ib.Task(**arrays)
    ib.GaussianSpace(kernel, noise=noise, out_of_core=tmp_path).posterior(task)
    assert len({file.parent for file in tiles_in(tmp_path)}) == 2


# --- refused --------------------------------------------------------------------------------------


def test_a_disk_that_does_not_suffice_is_told_beforehand_with_the_sizes(
    tmp_path, narrow, monkeypatch
):
    task = a_task(400, 62)
    space = ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=tmp_path)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(_work.shutil, "disk_usage", lambda folder: usage(2**19))
    monkeypatch.setattr(_tiles, "_covariances", None)
    with pytest.raises(
        ValueError, match=r"out_of_core: 400 training and 62 test examples take 1 MiB on disk, and"
    ):
        space.posterior(task)


def test_a_disk_that_gets_full_is_told_and_leaves_no_part_behind(tmp_path, narrow, monkeypatch):
    task = a_task(70, 65)
    space = ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=tmp_path)
    save, left = np.save, iter(range(5))

    def until_full(stream, array):
        if next(left, None) is None:
            raise OSError("1024 requested and 512 written")  # in NumPy's words
        save(stream, array)

    with monkeypatch.context() as patched:
        patched.setattr(_work.np, "save", until_full)
        with pytest.raises(OSError, match=r"out_of_core: .* cannot be written \(1024 .* is kept"):
            space.posterior(task)
    assert len(tiles_in(tmp_path)) == 5 and not list(tmp_path.rglob("*.part"))
    assert_alike(ib.GaussianSpace(RBF(1.0), noise=0.1).posterior(task), space.posterior(task))


def test_the_disk_that_is_asked_for_is_what_is_taken(tmp_path, narrow):
    for n, m, k in [(70, 65, 1), (400, 62, 3)]:
        folder = tmp_path / str(n)
        ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=folder).posterior(a_task(n, m, k))
        taken = sum(file.stat().st_size for file in tiles_in(folder))
        asked = _tiles.disk_needed(_tiles._blocks(n, m, 32, ()), n, k)
        assert taken == asked
    assert taken < 8 * (400 * 401 / 2 + 65 * 400) * 1.1  # the lower triangle alone


def test_less_memory_is_asked_for():
    task = ib.Task(*(np.ones(shape) for shape in ((20_000, 2), (20_000, 1), (500, 2), (500, 1))))
    in_memory = ib.GaussianSpace(RBF(1.0)).memory_needed(task)
    assert ib.GaussianSpace(RBF(1.0), out_of_core="/tmp").memory_needed(task) < in_memory / 3


def test_a_function_of_the_readers_own_has_no_hash(tmp_path):
    space = ib.GaussianSpace(FunctionKernel(lambda A, B: A @ B.T), noise=1.0, out_of_core=tmp_path)
    with pytest.raises(ValueError, match=r"kernel: found .*; give a kernel of this package"):
        space.posterior(a_task(70, 65))
    kept = ib.GaussianSpace(OnDisk(RBF(1.0), tmp_path), noise=1.0, out_of_core=tmp_path)
    kept.posterior(a_task(70, 65))


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"out_of_core: found .* cannot be made"):
        ib.GaussianSpace(RBF(1.0), out_of_core=tmp_path / "file" / "folder")


@pytest.mark.skipif(os.name == "nt", reason="a folder that is there no longer")
def test_a_folder_that_was_removed_is_made_again(tmp_path, narrow):
    space = ib.GaussianSpace(RBF(1.0), noise=0.1, out_of_core=tmp_path / "tiles")
    first = space.posterior(a_task(70, 65))
    shutil.rmtree(tmp_path / "tiles")
    assert torch.equal(space.posterior(a_task(70, 65)).mean, first.mean)
