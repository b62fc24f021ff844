"""Kernels against scikit-learn, neural-tangents, 50-digit arithmetic and wide random networks."""

import json
import math
from functools import partial
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
import sklearn.gaussian_process.kernels as sk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise

from ibhelpers import kernels
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
from ibhelpers.kernels.arc_cosine import angles
from ibhelpers.kernels.distances import squared_distances
from ibhelpers.spaces import GaussianSpace
from tests.examples import LENGTHSCALES, ONE_OF_EACH, by_repr
from tests.largest import Largest

GOLDEN = json.loads((Path(__file__).parent / "golden" / "neural_tangents.json").read_text())
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(12, 5)), RNG.normal(size=(9, 5))


# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "oracle"),
    [
        (RBF(1.5), sk.RBF(1.5)),
        (RBF(LENGTHSCALES), sk.RBF(LENGTHSCALES)),
        (Matern(1.5, nu=0.5), sk.Matern(1.5, nu=0.5)),
        (Matern(1.5, nu=1.5), sk.Matern(1.5, nu=1.5)),
        (Matern(1.5, nu=2.5), sk.Matern(1.5, nu=2.5)),
        (Matern(LENGTHSCALES, nu=1.5), sk.Matern(LENGTHSCALES, nu=1.5)),
        (RationalQuadratic(1.5, alpha=0.7), sk.RationalQuadratic(1.5, alpha=0.7)),
        (Linear(bias_variance=4.0), sk.DotProduct(sigma_0=2.0)),
        (
            2.0 * RBF(1.0) + Linear() * Matern(3.0),
            2.0 * sk.RBF(1.0) + sk.DotProduct(0.0) * sk.Matern(3.0, nu=2.5),
        ),
        (Laplace(2.0), lambda A, B: pairwise.laplacian_kernel(A, B, gamma=0.5)),
        (
            Laplace(LENGTHSCALES),
            lambda A, B: pairwise.laplacian_kernel(A / LENGTHSCALES, B / LENGTHSCALES, gamma=1.0),
        ),
        (
            Polynomial(3, scale=0.2, offset=0.7),
            lambda A, B: pairwise.polynomial_kernel(A, B, degree=3, gamma=0.2, coef0=0.7),
        ),
    ],
    ids=lambda value: repr(value) if isinstance(value, kernels.Kernel) else "",
)
def test_scikit_learn(kernel, oracle):
    np.testing.assert_allclose(kernel(A, B), oracle(A, B), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(kernel(A), oracle(A, A), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"depth {case['depth']}")
@pytest.mark.parametrize(("name", "kernel"), [("nngp", NNGP), ("ntk", NTK)])
def test_neural_tangents(case, name, kernel):
    kernel = kernel(case["depth"], case["weight_variance"], case["bias_variance"])
    inputs, others = np.array(GOLDEN["A"]), np.array(GOLDEN["B"])
    # Relative to √(κ(a, a) κ(b, b)): some covariances are sums that nearly cancel.
    a, b = kernel.diagonal(inputs), kernel.diagonal(others)
    difference = kernel(inputs, others) - torch.tensor(case[name], dtype=torch.float64)
    assert (difference.abs() / (a[:, None] * b).sqrt()).max() < 1e-14
    difference = kernel(inputs) - torch.tensor(case[f"{name}_symmetric"], dtype=torch.float64)
    assert (difference.abs() / (a[:, None] * a).sqrt()).max() < 1e-14


def random_network(depth, width, weight_variance, bias_variance, generator):
    """Weights and biases in the NTK parameterisation: standard normal, scaled in the layers."""
    shapes = [(width, A.shape[1])] + [(width, width)] * (depth - 1) + [(1, width)]
    new = {"generator": generator, "dtype": torch.float64, "requires_grad": True}
    weights = [torch.randn(shape, **new) for shape in shapes]
    biases = [torch.randn(shape[0], **new) for shape in shapes]

    def outputs(X):
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            X = X if layer == 0 else X.relu()
            X = X @ weight.T * math.sqrt(weight_variance / weight.shape[1])
            X = X + bias * math.sqrt(bias_variance)
        return X[:, 0]

    return weights + biases, outputs


@pytest.mark.parametrize(
    ("depth", "width", "networks"),
    [(1, 32, 4000), (3, 512, 300)],  # one layer has the limit's mean at any width; three, at 1/512
)
def test_wide_random_networks(depth, width, networks):
    """Mean output products (NNGP) and gradient products (NTK) within 4.5 standard errors."""
    architecture = (depth, 1.7, 0.2)
    generator = torch.Generator().manual_seed(0)
    X = torch.tensor(A[:4])
    products, tangents = [], []
    for _ in range(networks):
        parameters, outputs = random_network(*architecture[:1], width, 1.7, 0.2, generator)
        f = outputs(X)
        products.append(torch.outer(f, f).detach())
        gradients = [
            torch.cat(
                [g.ravel() for g in torch.autograd.grad(value, parameters, retain_graph=True)]
            )
            for value in f
        ]
        tangents.append(torch.stack(gradients) @ torch.stack(gradients).T)
    for kernel, draws in ((NNGP, products), (NTK, tangents)):
        draws = torch.stack(draws)
        standard_error = draws.std(dim=0) / math.sqrt(networks)
        difference = draws.mean(dim=0) - kernel(*architecture)(X)
        assert (difference.abs() / standard_error).max() < 4.5
        assert (standard_error / draws.mean(dim=0).abs().max()).max() < 0.1  # so it can fail


# --- Values where digits are easily lost ----------------------------------------------------------


@pytest.fixture(autouse=True)
def fifty_digits():
    with mp.workdps(50):
        yield


def exact(x):
    return [mp.mpf(float(value)) for value in x]


def exact_rbf(a, b, lengthscale):
    squares = [
        ((x - y) / mp.mpf(s)) ** 2 for x, y, s in zip(exact(a), exact(b), lengthscale, strict=True)
    ]
    return mp.exp(-mp.fsum(squares) / 2)


@pytest.mark.parametrize("lengthscale", [(1.0, 1.0, 1.0), (0.3, 1e-6, 5.0)])
def test_rbf_of_close_inputs_far_from_the_origin(lengthscale):
    far = 1e4 + RNG.random((20, 3))
    near = np.concatenate([far[:5], far[:10] + 1e-7 * RNG.random((10, 3))])
    values = RBF(lengthscale)(far, near)
    for i, a in enumerate(far):
        for j, b in enumerate(near):
            value = exact_rbf(a, b, lengthscale)
            if value > 1e-300:
                # An exponent of size e rounded once already costs e units in the last place.
                tolerance = mp.mpf(2e-15) * max(1, -mp.log(value))
                assert abs(values[i, j].item() / value - 1) < tolerance
    assert (torch.diagonal(values)[:5] == 1.0).all()


def test_distances_of_images():
    """All pairs of 784-dimensional inputs, relative error at most a few units in the last place."""
    X = RNG.random((40, 784))
    X[1] = X[0] + 1e-9 * RNG.random(784)
    D = squared_distances(torch.tensor(X), torch.tensor(X[:6]), torch.ones(1, dtype=torch.float64))
    for i, a in enumerate(X):
        for j, b in enumerate(X[:6]):
            value = mp.fsum((x - y) ** 2 for x, y in zip(exact(a), exact(b), strict=True))
            assert abs(D[i, j].item() - value) <= 1e-14 * value


@pytest.mark.parametrize("kernel", [RBF(1.0), Laplace(1.0), Matern(1.0, 0.5), Matern(1.0, 1.5)])
def test_stationary_kernels_of_huge_inputs(kernel):
    huge = np.array([[1e200], [0.0], [-1e200]])
    torch.testing.assert_close(kernel(huge), torch.eye(3, dtype=torch.float64))


def exact_layers(a, b, depth, weight_variance, bias_variance):
    """NNGP and NTK by the textbook's recursion, in 50 digits, where arccos is harmless."""
    weight, bias = mp.mpf(weight_variance), mp.mpf(bias_variance)
    aa, ab, bb = (
        bias + weight * mp.fdot(exact(x), exact(y)) / len(x) for x, y in ((a, a), (a, b), (b, b))
    )
    tangent = ab
    for _ in range(depth):
        theta = mp.acos(ab / mp.sqrt(aa * bb))
        both = (mp.pi - theta) / (2 * mp.pi)
        shape = (mp.sin(theta) + (mp.pi - theta) * mp.cos(theta)) / (2 * mp.pi)
        ab = bias + weight * mp.sqrt(aa * bb) * shape
        aa, bb = bias + weight * aa / 2, bias + weight * bb / 2
        tangent = ab + weight * both * tangent
    return ab, tangent


DIRECTION = RNG.normal(size=5)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12, 0.0])
@pytest.mark.parametrize(
    "architecture", [(1, 2.0, 0.0), (1, 1.5, 0.3), (3, 2.0, 0.0), (10, 1.8, 0.1)]
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_infinite_networks_of_nearly_identical_and_opposite_inputs(gap, architecture, sign):
    a = A[0]
    for b in (sign * (a + gap * DIRECTION), sign * 3.0 * (a + gap * DIRECTION)):
        nngp, tangent = exact_layers(a, b, *architecture)
        scale = exact_layers(a, a, *architecture)[1]
        # arccos would err by 1e-8 in the NTK here.
        assert abs(NNGP(*architecture)(a[None], b[None]).item() - nngp) < 1e-14 * scale
        assert abs(NTK(*architecture)(a[None], b[None]).item() - tangent) < 1e-14 * scale


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("degree", [0, 1, 2])
def test_arc_cosine_of_nearly_opposite_inputs(degree, gap):
    """The values are as small as φ^(2 degree + 1) and keep the digits that the inputs have."""
    a = A[0]
    b = -(a + gap * DIRECTION)
    x, y = exact(a), exact(b)
    norms = mp.sqrt(mp.fdot(x, x) * mp.fdot(y, y))
    theta = mp.acos(mp.fdot(x, y) / norms)
    sin, cos, phi = mp.sin(theta), mp.cos(theta), mp.pi - theta
    J = (phi, sin + phi * cos, 3 * sin * cos + phi * (1 + 2 * cos**2))[degree]
    value = norms**degree * J / mp.pi
    assert abs(ArcCosine(degree)(a[None], b[None]).item() / value - 1) < 2e-15 / gap


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_arc_cosine_away_from_there(degree):
    norms = np.linalg.norm(A, axis=1)[:, None] * np.linalg.norm(B, axis=1)
    theta = np.arccos(A @ B.T / norms)
    sin, cos, phi = np.sin(theta), np.cos(theta), np.pi - theta
    J = (phi, sin + phi * cos, 3 * sin * cos + phi * (1 + 2 * cos**2))[degree]
    np.testing.assert_allclose(ArcCosine(degree)(A, B), norms**degree * J / np.pi, rtol=1e-12)


def test_angles_at_the_ends():
    unit = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    theta, phi = angles(unit, torch.cat([unit, -unit]))
    half = math.pi / 2
    expected = [[0, half, half, math.pi, half, half], [half, 0, half, half, math.pi, half]]
    torch.testing.assert_close(
        theta[:2], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=0
    )
    torch.testing.assert_close(phi[:2], math.pi - theta[:2], rtol=0, atol=1e-15)


@pytest.mark.parametrize("kernel", [NNGP(3), NTK(3), ArcCosine(1), ArcCosine(2)], ids=by_repr)
def test_zero_inputs_have_zero_covariance(kernel):
    zero = np.zeros((1, 5))
    assert (kernel(zero, A) == 0.0).all()
    assert kernel(zero) == 0.0


# --- What every kernel promises -------------------------------------------------------------------


numbers = st.floats(0.1, 10.0)
variances = st.floats(0.0, 2.0)
# Functions that make a kernel, called in the test: making one inside a strategy would let the
# run-time check of its annotations draw random numbers there, which hypothesis forbids.
simple_kernels = st.one_of(
    st.builds(partial, st.sampled_from([RBF, Laplace, Linear]), numbers),
    st.builds(partial, st.just(Matern), numbers, st.sampled_from([0.5, 1.5, 2.5])),
    st.builds(partial, st.just(RationalQuadratic), numbers, numbers),
    st.builds(partial, st.just(Polynomial), st.integers(1, 4), numbers, numbers),
    st.builds(partial, st.just(ArcCosine), st.integers(0, 2)),
    st.builds(partial, st.sampled_from([NNGP, NTK]), st.integers(1, 6), numbers, variances),
)
any_kernel = st.recursive(
    simple_kernels,
    lambda some: st.one_of(
        st.builds(lambda a, b: lambda: a() + b(), some, some),
        st.builds(lambda a, b: lambda: a() * b(), some, some),
        st.builds(lambda factor, a: lambda: factor * a(), numbers, some),
    ),
    max_leaves=3,
)


@st.composite
def any_inputs(draw):
    """Random inputs, some of them repeated, nearly repeated, or opposite."""
    n, d = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(size=(n, d)) * draw(st.sampled_from([1e-3, 1.0, 3.0]))
    gap = draw(st.sampled_from([0.0, 1e-12, 1e-8, 1e-3]))
    return np.concatenate([X, X[: n // 2] + gap * rng.normal(size=(n // 2, d)), -X[: n // 3]])


@settings(deadline=None, max_examples=150)
@given(any_kernel, any_inputs())
def test_symmetric_and_positive_definite(make, X):
    kernel = make()
    K = kernel(X)
    assert torch.equal(K, K.T)
    assert torch.equal(K.diagonal(), kernel.diagonal(X))
    assert torch.linalg.eigvalsh(K).min() >= -1e-13 * len(X) * K.diagonal().max()


@settings(deadline=None, max_examples=50)
@given(any_kernel, any_inputs(), any_inputs())
def test_exchanging_inputs_transposes(make, X, Y):
    kernel = make()
    d = min(X.shape[1], Y.shape[1])
    X, Y = X[:, :d].copy(), Y[:, :d].copy()
    scale = (kernel.diagonal(X)[:, None] * kernel.diagonal(Y)).sqrt()
    # Two angles of nearly parallel inputs differ by rounding, and ArcCosine(0) is an angle.
    assert ((kernel(X, Y) - kernel(Y, X).T).abs() <= 1e-13 * scale).all()


@pytest.mark.parametrize("kernel", ONE_OF_EACH, ids=by_repr)
def test_tiles_make_no_difference(kernel, monkeypatch):
    whole, cross = kernel(A), kernel(A, B)
    monkeypatch.setitem(kernels.kernel._TILE, "cpu", 5)
    monkeypatch.setitem(kernels.distances._DIFFERENCES, "cpu", 17)
    torch.testing.assert_close(kernel(A), whole, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(kernel(A, B), cross, rtol=1e-13, atol=1e-14)
    assert torch.equal(kernel(A), kernel(A).T)
    assert torch.equal(kernel(A, A.copy()), kernel(A))


@pytest.mark.parametrize("kernel", ONE_OF_EACH, ids=by_repr)
def test_out_may_be_a_block_of_a_larger_matrix(kernel):
    larger = torch.full((20, 20), math.nan, dtype=torch.float64)
    block = larger[3:15, 5:14]
    assert kernel(A, B, out=block) is block
    assert torch.equal(block, kernel(A, B))
    assert larger.isnan().sum() == 20 * 20 - 12 * 9
    assert torch.equal(kernel(A, out=larger[:12, :12]), kernel(A))


@pytest.mark.parametrize("kernel", ONE_OF_EACH, ids=by_repr)
def test_temporaries_are_no_larger_than_a_tile(kernel, monkeypatch):
    monkeypatch.setitem(kernels.kernel._TILE, "cpu", 32)
    monkeypatch.setitem(kernels.distances._DIFFERENCES, "cpu", 1024)
    X = torch.tensor(RNG.normal(size=(300, 5)))
    out = torch.empty(300, 300, dtype=torch.float64)
    with Largest(given=out) as largest:
        kernel(X, out=out)
    assert largest.numel <= max(2 * 32 * 32, X.numel())  # pairs of indices count double


@pytest.mark.parametrize("kernel", ONE_OF_EACH, ids=by_repr)
def test_any_real_inputs(kernel):
    read_only = A.copy()
    read_only.setflags(write=False)
    expected = kernel(A, B)
    assert torch.equal(kernel(read_only, torch.tensor(B, requires_grad=True)), expected)
    single = kernel(A.astype(np.float32), torch.tensor(B, dtype=torch.float32))
    assert single.dtype == torch.float64
    torch.testing.assert_close(single, expected, rtol=1e-4, atol=1e-5)
    assert kernel(np.eye(5, dtype=int)[:, ::-1]).dtype == torch.float64


@pytest.mark.parametrize("kernel", ONE_OF_EACH, ids=by_repr)
def test_repr_makes_the_kernel(kernel):
    again = eval(repr(kernel), vars(kernels).copy())
    assert again == kernel
    assert hash(again) == hash(kernel)
    with pytest.raises(AttributeError):
        kernel.lengthscale = 1.0


def test_repr_reads_like_the_expression():
    assert repr(2 * RBF(1) + Linear()) == "2.0 * RBF(lengthscale=1.0) + Linear(bias_variance=0.0)"
    assert repr((RBF(1) + RBF(2)) * 3.0) == "3.0 * (RBF(lengthscale=1.0) + RBF(lengthscale=2.0))"


def test_a_kernel_is_printed_without_the_digits_of_a_machine():
    kernel = 0.05794375979116878 * RBF((5.348316010758208, 2.0)) + 1.2345678e-9 * Linear()
    printed = "0.0579438 * RBF(lengthscale=(5.34832, 2.0)) + 1.23457e-09 * Linear("
    assert str(kernel).startswith(printed)
    assert printed in repr(GaussianSpace(kernel))
    assert str(0.5 * RBF(5.4)) == repr(0.5 * RBF(5.4))


def test_median_distance():
    distances = pairwise.euclidean_distances(A)[np.triu_indices(len(A), 1)]
    assert RBF.from_median(A).lengthscale == pytest.approx(np.median(distances), rel=1e-14)
    X = RNG.normal(size=(3000, 5))
    thinned = RBF.from_median(X, max_rows=500).lengthscale
    assert thinned == pytest.approx(RBF.from_median(X, max_rows=3000).lengthscale, rel=0.05)


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [0.0, -1.0, math.nan, math.inf, (1.0, 0.0)])
@pytest.mark.parametrize("kind", [RBF, Laplace, Matern, RationalQuadratic])
def test_bad_lengthscales(kind, found):
    with pytest.raises(ValueError, match="lengthscale: found"):
        kind(found)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Matern(1.0, nu=2.0), r"nu: found 2.0; give 0.5, 1.5 or 2.5"),
        (lambda: RationalQuadratic(1.0, alpha=0.0), "alpha: found 0.0; give a positive"),
        (lambda: Linear(bias_variance=-1.0), "bias_variance: found -1.0; give a finite number of"),
        (lambda: Polynomial(0), "degree: found 0; give a whole number of at least 1"),
        (lambda: Polynomial(2, scale=math.nan), "scale: found nan"),
        (lambda: Polynomial(2, offset=-0.1), "offset: found -0.1"),
        (lambda: ArcCosine(3), "degree: found 3; give 0, 1 or 2"),
        (lambda: ArcCosine(-1), "degree: found -1"),
        (lambda: NNGP(0), "depth: found 0; give a whole number of at least 1"),
        (lambda: NTK(0), "depth: found 0; give a whole number of at least 1"),
        (lambda: NNGP(1, weight_variance=0.0), "weight_variance: found 0.0"),
        (lambda: NTK(1, bias_variance=-0.1), "bias_variance: found -0.1"),
        (lambda: 0.0 * RBF(1.0), "factor: found 0.0; give a positive"),
        (lambda: RBF(1.0) * math.nan, "factor: found nan"),
        (lambda: RBF.from_median(A[:1]), "X: found one row"),
        (lambda: RBF.from_median(np.ones((5, 2))), "X: found that more than half"),
        (lambda: RBF.from_median(A, max_rows=1), "max_rows: found 1"),
    ],
)
def test_bad_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("kernel", ONE_OF_EACH, ids=by_repr)
def test_bad_inputs(kernel):
    for bad, message in [
        (np.where(A == A[3, 0], np.nan, A), "A: found NaN or infinity in row 3"),
        (np.where(A == A[3, 0], np.inf, A), "A: found NaN or infinity in row 3"),
        (A[0], r"A: found shape \(5,\); give a matrix"),
        (A[:0], r"A: found shape \(0, 5\); give a matrix"),
        (A + 0j, "A: found data of type complex128; give real numbers"),
        (np.array([["one"]]), "A: found data of type <U3; give real numbers"),
    ]:
        with pytest.raises(ValueError, match=message):
            kernel(bad)
        with pytest.raises(ValueError, match=message):
            kernel.diagonal(bad)
    with pytest.raises(ValueError, match="B: found inputs of width 4, but A has width 5"):
        kernel(A, B[:, :4])
    with pytest.raises(
        ValueError, match=r"out: found \(12, 12\), torch.float64 on cpu; give .* \(12, 9\)"
    ):
        kernel(A, B, out=torch.empty(12, 12, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"out: found .*float32"):
        kernel(A, B, out=torch.empty(12, 9))


def test_lengthscales_of_another_width():
    for kernel in (RBF((1.0, 2.0)), 2.0 * Matern((1.0, 2.0)) + Linear()):
        for call in (kernel, kernel.diagonal):
            with pytest.raises(
                ValueError, match="lengthscale: found 2 values for inputs of width 5"
            ):
                call(A)


def test_overflow_is_an_error():
    with pytest.raises(ValueError, match=r"kernel: Polynomial\(.*\) gave inf .* divide them"):
        Polynomial(40)(1e10 * A)
    with pytest.raises(ValueError, match=r"kernel: .* gave (inf|nan|-inf) "):
        NTK(1)(1e200 * A)
    with pytest.raises(TypeError):
        RBF(1.0) + 1.0
