"""The answer: its limits, its shapes, its words."""

import math

import numpy as np
import pytest

import ibhelpers as ib

LAW = ib.laws.GeneralizedChi2([0.5], [2], [0.0])  # exponential: P(L <= x) = 1 - exp(-x)


def test_bits_of_an_exponential_law():
    bias = ib.inductive_bias(LAW, 1e-6)
    assert bias.bits == pytest.approx(-math.log2(-math.expm1(-1e-6)), rel=1e-14)
    assert bias.nats == pytest.approx(bias.bits * math.log(2))
    assert (bias.target_error, bias.law, bias.interval) == (1e-6, LAW, None)


def test_arrays_give_arrays():
    bias = ib.inductive_bias(LAW, [[0.1, 0.2], [0.3, 0.4]])
    assert bias.bits.shape == bias.nats.shape == bias.target_error.shape == (2, 2)
    assert (np.diff(bias.bits.ravel()) < 0).all()


def test_limits():
    floor = ib.laws.GeneralizedChi2([0.5], [2], [0.0], offset=1.0)
    assert ib.inductive_bias(floor, 0.9).bits == math.inf
    assert ib.inductive_bias(floor, math.inf).bits == 0.0
    certain = ib.laws.GeneralizedChi2(
        [1e-12], [1], [0.0]
    )  # nearly a point mass on a perfect hypothesis
    assert ib.inductive_bias(certain, 0.1).bits == 0.0


def test_repr_says_the_answer_and_how_far_to_trust_it():
    fitted = ib.laws.ScaledNoncentralChi2(2, 0, 0.5)
    assert repr(ib.inductive_bias(LAW, 0.001)) == "10.0 bits at target error 0.001 (exact)"
    assert repr(ib.inductive_bias(fitted, 0.001)).endswith("(of a fitted law)")
    assert repr(ib.inductive_bias(LAW, [0.5, 0.25])).count("\n") == 1
    between = ib.InductiveBias(9.0, 0.5, LAW, interval=(8.0, 11.0))
    assert repr(between) == "9.0 bits at target error 0.5 (between 8.0 and 11.0)"
    assert repr(ib.InductiveBias(9.0, 0.5)) == "9.0 bits at target error 0.5"


def test_what_rounding_leaves_is_said_in_words():
    def bias(bits, digits, at_least=False):
        return repr(ib.InductiveBias(bits, 0.5, LAW, digits=digits, at_least=at_least))

    assert bias(1234.56, 4.1) == "1234.6 bits at target error 0.5 (exact)"
    assert (
        bias(1234.56, 3.9) == "1.23e+03 bits at target error 0.5 (rounding errors leave 3 digits)"
    )
    assert bias(1234.56, 0.9) == "1e+03 bits at target error 0.5 (rounding errors leave 1 digit)"
    hidden = "at target error 0.5 (rounding hides how many more)"
    assert bias(1234.56, 0.0, True) == f"at least 1234.5 bits {hidden}"
    assert bias(9.876e9, 0.0, True) == f"at least 9.87e+09 bits {hidden}"
    assert ib.inductive_bias(LAW, 0.5).digits > 12
    assert ib.inductive_bias(ib.laws.Normal(1.0, 2.0), 0.5).digits is None


@pytest.mark.parametrize(
    "target, message",
    [
        (-0.1, "target_error: found -0.1"),
        (math.nan, "target_error: found nan"),
        ([0.1, math.nan], "target_error: found nan"),
        ("small", "target_error: found data of type <U5; give real numbers"),
    ],
)
def test_bad_targets_are_named(target, message):
    with pytest.raises(ValueError, match=message):
        ib.inductive_bias(LAW, target)
