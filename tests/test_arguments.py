"""The checks of arguments."""

import math
import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

import ibhelpers as ib
from ibhelpers._arguments import (
    available_device,
    generator_of,
    non_negative,
    number,
    one_of,
    positive,
    seed_of_bits,
    torch_generator_of,
    whole,
)


def test_what_passes():
    assert whole("n", np.int64(3), at_least=1) == 3
    assert whole("n", 3, at_least=1, at_most=3) == 3
    assert positive("dt", np.float32(0.5)) == 0.5
    assert non_negative("noise", 0) == 0.0
    assert one_of("name", "b", {"a": 1, "b": 2}) == "b"


@pytest.mark.parametrize("found", [0, 4, 2.0, "2", True, None, math.nan, np.timedelta64(2)])
def test_not_a_whole_from_1_to_3(found):
    with pytest.raises(ValueError, match=r"n: found .*give a whole number from 1 to 3"):
        whole("n", found, at_least=1, at_most=3)


@pytest.mark.parametrize("found", [0, -1.0, math.nan, math.inf, "1", True, None, 1j])
def test_not_a_positive_quantity(found):
    with pytest.raises(ValueError, match="dt: found "):
        positive("dt", found)


@pytest.mark.parametrize(
    "given",
    [2, 2.0, np.int8(2), np.array([2.0]), np.longdouble(2), torch.tensor([[2]]), Fraction(4, 2)],
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_one_number(given):
    assert number("x", given) == 2.0 and type(number("x", given)) is float


@pytest.mark.parametrize(
    "given",
    [
        *("2", True, np.True_, None, 2j, np.complex128(2 + 1j), [1, 2], np.ma.masked, pd.NA),
        *(10**400, np.timedelta64(2, "s"), np.ma.array([2.0], mask=[True]), {2.0}, iter([2.0])),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0],
)
def test_not_one_number(given):
    with pytest.raises(ValueError, match=r"(?s)x: found .*; give one number"):
        number("x", given)


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, np.uint64(2**31)])
def test_seeds_of_32_bits_are_what_torch_takes(seed):
    expected = torch.rand(3, generator=torch.Generator().manual_seed(int(seed)))
    assert torch.equal(torch.rand(3, generator=torch_generator_of(seed)), expected)


def test_larger_seeds_mean_something_everywhere():
    """Every bit of them matters, to NumPy and to torch, which looks at 32 on a CPU."""
    seeds = [0, 2**32, 2**33, 2**63, np.uint64(2**64 - 1), 2**32 - 1, 2**64, 2**64 + 1]
    seeds += [2**128, 2**128 + 2**64, 3**200, 3**200 + 1]
    for draw in (
        lambda seed: torch.rand((), generator=torch_generator_of(seed)).item(),
        lambda seed: generator_of(seed).random(),
        lambda seed: seed_of_bits(32, seed),
    ):
        assert [draw(seed) for seed in seeds] == [draw(seed) for seed in seeds]
        assert len({draw(seed) for seed in seeds}) == len(seeds)


class Lines:
    """A reader's own space: lines through 0."""

    def hypotheses(self, task):
        def draw(z):
            return (1 + 0.1 * z)[:, None] * torch.tensor(task.X_test), torch.ones(len(z)) > 0

        return ib.spaces.Hypotheses(dimension=1, draw=draw)

    def sample_losses(self, task, n, *, seed, loss="mse", progress=True):
        return ib.spaces.sample_losses(self, task, n, seed=seed, loss=loss)


def test_seeds_that_differ_beyond_32_bits_draw_other_losses():
    x = np.linspace(0, 1, 5)[:, None]
    task = ib.Task(x, x, x + 0.1, 1.3 * x)
    for space in (ib.GaussianSpace(ib.kernels.RBF(0.1), noise=0.1), Lines()):
        drawn = [space.sample_losses(task, 3, seed=seed)[0] for seed in (0, 2**32, 2**64, 2**70)]
        assert len(set(drawn)) == 4
    ib.spaces.check_space(Lines(), task, seed=2**70)


@pytest.mark.parametrize("seed", [-1, 1.0, "1", None, True, [1]])
def test_no_seed(seed):
    for make in (generator_of, torch_generator_of, lambda seed: seed_of_bits(32, seed)):
        with pytest.raises(ValueError, match=r"seed: found .*give a whole number of at least 0"):
            make(seed)


def test_an_unknown_name():
    with pytest.raises(ValueError, match=r"name: found 'mnits'; known are digits, mnist\. Did you"):
        one_of("name", "mnits", ["mnist", "digits"])
    with pytest.raises(ValueError, match=r"known are a\.$"):
        one_of("name", 3, ["a"])


@pytest.mark.parametrize("device", ["cuda:99", "nonsense", "meta", 3.5, []])
def test_a_device_that_is_not_there(device):
    found = re.escape(repr(device))
    with pytest.raises(ValueError, match=rf"device: found {found}.* this machine has 'cpu'"):
        available_device(device)


def test_a_device_that_is_there():
    assert available_device(None).type == "cpu"
