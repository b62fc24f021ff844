"""Kernels at zero, constant, tiny and huge inputs, against 60-digit arithmetic.

A kernel that depends on the inputs' scale may answer with a power of it that no float holds: it
vanishes, or is refused. Nothing else may be lost on the way, such as a length whose square no float
holds.
"""

import itertools
import pickle

import mpmath
import numpy as np
import pytest
import torch

from ibhelpers.kernels import (
    NNGP,
    NTK,
    RBF,
    ArcCosine,
    Laplace,
    Linear,
    Matern,
    Polynomial,
    RationalQuadratic,
)

mp = mpmath.MPContext()
mp.dps = 60
SIZES = (0.0, 5e-324, 3e-310, 1e-200, 1e-79, 1.0, 1e79, 1e153, 1.7e308)
DIRECTIONS = ((0.6, -0.8), (-0.28, 0.96))
INPUTS = np.unique([[s * x for x in direction] for s in SIZES for direction in DIRECTIONS], axis=0)


def dot(a, b):
    return sum((x * y for x, y in zip(a, b, strict=True)), mp.mpf(0))


def angle(a, b):
    """Of zero inputs the angle to others is that of perpendicular ones, to themselves 0."""
    if a == b:
        return mp.mpf(0)
    lengths = mp.sqrt(dot(a, a) * dot(b, b))
    return mp.acos(max(-1, min(1, dot(a, b) / lengths))) if lengths else mp.pi / 2


def relu(theta):
    return (mp.sin(theta) + (mp.pi - theta) * mp.cos(theta)) / mp.pi


def distance(a, b, unit=1):
    difference = [(x - y) / mp.mpf(unit) for x, y in zip(a, b, strict=True)]
    return mp.sqrt(dot(difference, difference))


def arc_cosine(degree):
    def kernel(a, b):
        theta = angle(a, b)
        if degree == 0:
            return (mp.pi - theta) / mp.pi
        J = mp.pi * relu(theta)
        if degree == 2:
            s, c = mp.sin(theta), mp.cos(theta)
            J = 3 * s * c + (mp.pi - theta) * (1 + 2 * c * c)
        return mp.sqrt(dot(a, a) * dot(b, b)) ** degree * J / mp.pi

    return kernel


def network(depth, weight, bias, *, tangent=False):
    def kernel(a, b):
        weight_, bias_ = mp.mpf(weight), mp.mpf(bias)
        S = {key: bias_ + weight_ * dot(*key_) / 2 for key, key_ in pairs(a, b).items()}
        T = S["ab"]
        for _ in range(depth):
            norm = mp.sqrt(S["aa"] * S["bb"])
            cosine = max(mp.mpf(-1), min(mp.mpf(1), S["ab"] / norm)) if norm else mp.mpf(0)
            theta = mp.acos(cosine) if a != b else mp.mpf(0)
            S = {
                "ab": bias_ + weight_ / 2 * norm * relu(theta),
                "aa": bias_ + weight_ / 2 * S["aa"],
                "bb": bias_ + weight_ / 2 * S["bb"],
            }
            T = S["ab"] + T * weight_ * (mp.pi - theta) / (2 * mp.pi)
        return T if tangent else S["ab"]

    def pairs(a, b):
        return {"aa": (a, a), "ab": (a, b), "bb": (b, b)}

    return kernel


def matern(a, b):
    s = mp.sqrt(5) * distance(a, b, 1.5)
    return (1 + s + s * s / 3) * mp.exp(-s)


def rational_quadratic(alpha, unit=1):
    alpha = mp.mpf(alpha)
    return lambda a, b: mp.exp(-alpha * mp.log1p(distance(a, b, unit) ** 2 / (2 * alpha)))


CASES = [
    (ArcCosine(0), arc_cosine(0)),
    (ArcCosine(1), arc_cosine(1)),
    (ArcCosine(2), arc_cosine(2)),
    (NNGP(1), network(1, 2.0, 0.0)),
    (NNGP(3), network(3, 2.0, 0.0)),
    (NNGP(3, 1.5, 0.1), network(3, 1.5, 0.1)),
    (NNGP(2, 2.0, 1e-300), network(2, 2.0, 1e-300)),
    (NTK(1), network(1, 2.0, 0.0, tangent=True)),
    (NTK(3, 1.5, 0.1), network(3, 1.5, 0.1, tangent=True)),
    (NTK(2, 2.0, 1e200), network(2, 2.0, 1e200, tangent=True)),
    (RBF(1.0), lambda a, b: mp.exp(-(distance(a, b) ** 2) / 2)),
    (RBF(1e308), lambda a, b: mp.exp(-(distance(a, b, 1e308) ** 2) / 2)),
    (RBF(1e-200), lambda a, b: mp.exp(-(distance(a, b, 1e-200) ** 2) / 2)),
    (RBF(5e-324), lambda a, b: mp.exp(-(distance(a, b, 5e-324) ** 2) / 2)),
    (Laplace(1e308), lambda a, b: mp.exp(-(abs(a[0] - b[0]) + abs(a[1] - b[1])) / mp.mpf(1e308))),
    (
        Laplace((1e-310, 1e308)),
        lambda a, b: mp.exp(-abs(a[0] - b[0]) / mp.mpf(1e-310) - abs(a[1] - b[1]) / mp.mpf(1e308)),
    ),
    (Matern(1.5), matern),
    (RationalQuadratic(1.0, alpha=0.01), rational_quadratic(0.01)),
    (RationalQuadratic(1e-200, alpha=1e-3), rational_quadratic(1e-3, 1e-200)),
    (RationalQuadratic(1.0, alpha=5e-324), rational_quadratic(5e-324)),
    (RationalQuadratic(1.0, alpha=1.7e308), rational_quadratic(1.7e308)),
    (Linear(0.5), lambda a, b: mp.mpf(0.5) + dot(a, b)),
    (Polynomial(2, offset=0.0), lambda a, b: dot(a, b) ** 2),
    (Polynomial(1, scale=1e300, offset=0.0), lambda a, b: mp.mpf(1e300) * dot(a, b)),
    (Polynomial(3, scale=0.2), lambda a, b: (1 + mp.mpf(0.2) * dot(a, b)) ** 3),
]


@pytest.mark.parametrize(
    ("kernel", "oracle"), CASES, ids=lambda value: repr(value).split(" at 0x")[0][:90]
)
def test_values(kernel, oracle):
    """To 13 digits of √(κ(a, a) κ(b, b)); refused only where a float overflows."""
    exact = [[mp.mpf(float(x)) for x in row] for row in INPUTS]
    variances = [oracle(a, a) for a in exact]
    for (i, a), (j, b) in itertools.combinations_with_replacement(enumerate(exact), 2):
        value = oracle(a, b)
        scale = mp.sqrt(variances[i] * variances[j])
        try:
            found = kernel(INPUTS[[i]], INPUTS[[j]]).item()
        except ValueError as error:
            assert "inputs are probably too large" in str(error)
            # What overflows on the way is a dot product or a length, which κ is a power of.
            assert max(scale, *variances[i : i + 1], *variances[j : j + 1]) > 1e307
            continue
        # Numbers below 1e-307, results and lengths alike, are multiples of the smallest one.
        unit = 16 * mp.mpf(5e-324) * max(1, *map(abs, a), *map(abs, b))
        assert abs(found - value) <= 1e-13 * scale + unit, (INPUTS[i], INPUTS[j])
        if i == j:
            assert abs(kernel.diagonal(INPUTS[[i]]).item() - value) <= 1e-13 * scale + unit


@pytest.mark.parametrize("beside", [[[0.0, 0.0]], [[1.0, 2.0]], [[1e200, 0.0], [1e-200, 1.0]]])
def test_blank_inputs_of_a_scale_free_kernel(beside):
    A = np.array([[0.0, 0.0], [-0.0, 0.0], *beside])
    K = ArcCosine(0)(A)
    assert torch.equal(K.diagonal(), torch.ones(len(A), dtype=torch.float64))
    assert K[0, 1] == 1.0
    away = np.any(A != 0, axis=1)
    np.testing.assert_allclose(K[0].numpy()[away], 0.5, rtol=1e-15)
    assert torch.equal(ArcCosine(0)(A[:1], A), K[:1])


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e150, 1e300])
def test_the_median_distance_of_inputs_of_any_size(size):
    X = np.array([[0.0], [1.0], [3.0]])
    assert RBF.from_median(X * size).lengthscale == pytest.approx(2.0 * size, rel=1e-14)


# --- Arithmetic -----------------------------------------------------------------------------------

A, B = np.random.default_rng(0).normal(size=(2, 5, 3))
K = RBF(1.5)(A, B).numpy()


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (sum([RBF(1.5), Linear(), RBF(1.5)]), 2.0 * K + A @ B.T),
        (0 + RBF(1.5), K),
        (RBF(1.5) ** 1, K),
        (RBF(1.5) ** np.int64(3), K**3),
        ((RBF(1.5) + Linear()) ** 2, (K + A @ B.T) ** 2),
        (RBF(1.5) / 4, K / 4.0),
        (np.float64(2.0) * RBF(1.5), 2.0 * K),
        (RBF(1.5) * torch.tensor(2.0), 2.0 * K),
        (np.array(2.0) * RBF(1.5), 2.0 * K),
    ],
    ids=lambda value: repr(value).split(" at 0x")[0][:90],
)
def test_arithmetic(kernel, expected):
    np.testing.assert_allclose(kernel(A, B), expected, rtol=1e-14)
    np.testing.assert_allclose(kernel.diagonal(A), np.diag(kernel(A)), rtol=1e-15)
    assert pickle.loads(pickle.dumps(kernel)) == kernel and hash(kernel) == hash(kernel)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: 2 + k, r"2 cannot be added to RBF.*c \* Constant\(\)"),
        (lambda k: k + 0.5, r"0.5 cannot be added to RBF"),
        (lambda k: k + True, "True cannot be added to RBF"),
        (lambda k: sum([k, "k"]), "a str cannot be added"),
        (lambda k: k - 1, "1 cannot be subtracted from RBF"),
        (lambda k: 1 - k, "difference of covariance functions"),
        (lambda k: k - k, "difference of covariance functions"),
        (lambda k: -k, "negative variances"),
        (lambda k: k / k, "quotient of covariance functions"),
        (lambda k: k * "2", "cannot be multiplied by a str"),
        (lambda k: k * np.ones(2), "factor: found .*give one number"),
        (lambda k: np.ones(2) * k, "factor: found .*give one number"),
        (lambda k: k * 0, "factor: found 0.0; give a positive"),
        (lambda k: k * -1.0, "factor: found -1.0; give a positive"),
        (lambda k: k * np.True_, "cannot be multiplied by a bool"),
        (lambda k: k / 0, "divisor: found 0.0"),
        (lambda k: k**0.5, "exponent: found 0.5; give a whole number from 1"),
        (lambda k: k**0, "exponent: found 0"),
        (lambda k: k**k, "exponent: found RBF"),
    ],
)
def test_arithmetic_that_makes_no_kernel(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make(RBF(1.0))
