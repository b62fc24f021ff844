"""Convolutional kernels against neural-tangents, their definition in balls, and wide networks."""

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from flint import arb, ctx
from torch.nn import functional

import ibhelpers as ib
from ibhelpers.kernels import NNGP, NTK, RBF, ConvNNGP, ConvNTK, OnDisk, convolutional
from ibhelpers.kernels.pair import Pair
from tests.largest import Largest

GOLDEN = json.loads(
    (Path(__file__).parent / "golden" / "neural_tangents_convolutional.json").read_text()
)
NAMES = ("shape", "depth", "kernel_size", "stride", "padding", "pooling")
RNG = np.random.default_rng(0)


def architecture(case):
    names = (*NAMES, "weight_variance", "bias_variance")
    return {n: tuple(v) if isinstance(v := case[n], list) else v for n in names}


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda c: " ".join(str(c[n]) for n in NAMES))
@pytest.mark.parametrize(("name", "kernel"), [("nngp", ConvNNGP), ("ntk", ConvNTK)])
def test_neural_tangents(case, name, kernel):
    kernel = kernel(**architecture(case))
    A, B = (np.array(GOLDEN[x]).reshape(len(GOLDEN[x]), -1) for x in "AB")
    a, b = kernel.diagonal(A), kernel.diagonal(B)
    apart = (kernel(A, B) - torch.tensor(case[name], dtype=torch.float64)).abs()
    assert (apart / (a[:, None] * b).sqrt()).max() < 1e-14
    apart = (kernel(A) - torch.tensor(case[f"{name}_symmetric"], dtype=torch.float64)).abs()
    apart /= (a[:, None] * a).sqrt()
    # neural-tangents takes the angle of equal inputs from a difference, which leaves half its
    # digits; of a tangent kernel's diagonal, about nine.
    assert apart.diagonal().max() < (1e-14 if name == "nngp" else 2e-9)
    assert apart.fill_diagonal_(0.0).max() < 1e-14


# --- By the definition ----------------------------------------------------------------------------


def reads(size, kernel, stride, padding):
    """For each position after, the position before at each offset, or None."""
    low = added = 0
    if padding in ("same", "circular"):
        added = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        low = added // 2
    elif padding != "valid":
        low, added = padding, 2 * padding
    rows = []
    for p in range((size + added - kernel) // stride + 1):
        there = [p * stride + i - low for i in range(kernel)]
        if padding == "circular":
            there = [q % size for q in there]
        rows.append([q if 0 <= q < size else None for q in there])
    return rows


def relu_moments(covariance, variance, other):
    """E[max(u, 0) max(v, 0)] and P[u > 0 and v > 0], in balls."""
    norm = (variance * other).sqrt() if variance != 0 and other != 0 else arb(0)
    if norm == 0:
        return arb(0), arb(1) / 4
    cosine, pi = covariance / norm, arb.pi()
    theta = arb(0) if cosine.overlaps(arb(1)) else pi
    if not cosine.overlaps(arb(1)) and not cosine.overlaps(arb(-1)):
        theta = cosine.acos()
    moment = norm * (theta.sin() + (pi - theta) * theta.cos()) / (2 * pi)
    return moment, (pi - theta) / (2 * pi)


def mean_read(D, before, p, q, rows, columns):
    """The mean over the offsets of what a filter at p, and one at q, reads; 0 where nothing is."""
    offsets = list(product(range(len(rows[0])), range(len(columns[0]))))
    seen = (
        (*before, (rows[p[0]][i], columns[p[1]][j]), (rows[q[0]][i], columns[q[1]][j]))
        for i, j in offsets
    )
    return sum((D[key] for key in seen if key in D), arb(0)) / len(offsets)


def by_definition(x, y, shape, depth, kernel_size, stride, padding, pooling, weight, bias):
    """NNGP and NTK by covariances of all pairs of positions, one after the other, in 50 digits."""
    channels, *sizes = shape
    weight, bias = arb(weight), arb(bias)
    images = [
        {
            (c, i, j): arb(float(v))
            for (c, i, j), v in np.ndenumerate(np.reshape(image, (channels, *sizes)))
        }
        for image in (x, y)
    ]
    places = list(product(*map(range, sizes)))
    K = {}  # by the images and positions of two units
    for a, b in ((0, 0), (0, 1), (1, 1)):
        for p, q in product(places, places):
            terms = (images[a][c, *p] * images[b][c, *q] for c in range(channels))
            K[a, b, p, q] = sum(terms, arb(0)) / channels
    tangent = {(p, q): arb(0) for p, q in product(places, places)}
    for k, s in zip(kernel_size, stride, strict=True):
        rows, columns = (reads(size, k, s, padding) for size in sizes)

        sizes = [len(rows), len(columns)]
        places = list(product(*map(range, sizes)))
        pairs = list(product(places, places))
        S = {
            (a, b, p, q): bias + weight * mean_read(K, (a, b), p, q, rows, columns)
            for a, b in ((0, 0), (0, 1), (1, 1))
            for p, q in (pairs if (a, b) == (0, 1) else zip(places, places, strict=True))
        }
        tangent = {
            (p, q): S[0, 1, p, q] + weight * mean_read(tangent, (), p, q, rows, columns)
            for p, q in pairs
        }
        K = {}
        for a, b, p, q in S:
            variance, other = S[a, a, p, p], S[b, b, q, q]
            K[a, b, p, q], both = relu_moments(S[a, b, p, q], variance, other)
            if (a, b) == (0, 1):
                tangent[p, q] *= both
    seen = pairs if pooling else list(zip(places, places, strict=True))
    nngp = bias + weight * sum((K[0, 1, p, q] for p, q in seen), arb(0)) / len(seen)
    ntk = nngp + weight * sum((tangent[pair] for pair in seen), arb(0)) / len(seen)
    return float(nngp), float(ntk)


def some_architecture(rng):
    """Keywords of an architecture on small images; None if its filters do not fit."""
    depth = int(rng.integers(1, 4))
    found = {
        "shape": tuple(int(n) for n in (rng.integers(1, 3), *rng.integers(1, 4, 2))),
        "depth": depth,
        "kernel_size": tuple(int(n) for n in rng.integers(1, 4, depth)),
        "stride": tuple(int(n) for n in rng.integers(1, 3, depth)),
        "padding": ["same", "valid", "circular", 0, 1][rng.integers(5)],
        "pooling": bool(rng.integers(2)),
        "weight_variance": float(rng.uniform(0.3, 3.0)),
        "bias_variance": float(rng.choice([0.0, 1e-6, 0.1, 1.3])),
    }
    try:
        layers = ConvNNGP(**found)._layers
    except ValueError:
        return None
    return found if all(a.length * b.length <= 12 for a, b in layers) else None


def some_images(rng, d):
    """Two images: at random, blank in part, parallel, nearly equal or opposite; of any size."""
    A = rng.normal(size=(2, d))
    kind = rng.integers(6)
    if kind == 1:
        A *= rng.random(A.shape) < 0.3
    elif kind == 2:
        A[0] = 0.0
    elif kind > 2:
        sign, gap = [(3.0, 0.0), (1.0, 1e-9), (-1.0, 1e-7)][kind - 3]
        A[1] = sign * A[0] * (1.0 + gap * rng.normal(size=d))
    return A * rng.choice([1.0, 1.0, 1e-80, 1e80])


def test_the_definition():
    """Forty architectures, to 14 digits of √(κ(a, a) κ(b, b))."""
    rng, ctx.dps, done = np.random.default_rng(3), 50, 0
    while done < 40:
        keywords = some_architecture(rng)
        if keywords is None:
            continue
        A = some_images(rng, math.prod(keywords["shape"]))
        exact = {
            (i, j): by_definition(A[i], A[j], *keywords.values())
            for i, j in ((0, 0), (0, 1), (1, 1))
        }
        for which, kernel in enumerate((ConvNNGP(**keywords), ConvNTK(**keywords))):
            K, cross = kernel(A), kernel(A[:1], A[1:]).item()
            scale = math.sqrt(exact[0, 0][which]) * math.sqrt(exact[1, 1][which])
            assert abs(cross - exact[0, 1][which]) <= 1e-14 * scale, (kernel, A)
            for (i, j), value in exact.items():
                unit = scale if i != j else value[which]
                assert abs(K[i, j].item() - value[which]) <= 1e-14 * unit, (kernel, A)
        done += 1


# --- Wide networks --------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", [False, True])
def test_wide_random_networks(pooling):
    """Mean products of outputs within 4.5 standard errors; 64 channels, two layers, biases."""
    wide, networks, w, b = 64, 600, 1.7, 0.2
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(3, 2, 5, 4, generator=generator, dtype=torch.float64)

    def layer(x, channels, stride):
        weights = torch.randn(channels, x.shape[1], 3, 3, generator=generator, dtype=torch.float64)
        biases = torch.randn(channels, generator=generator, dtype=torch.float64)
        scaled = weights * math.sqrt(w / weights[0].numel()), biases * math.sqrt(b)
        return functional.conv2d(x, *scaled, stride=stride, padding=1).relu()

    products = []
    for _ in range(networks):
        x = layer(layer(images, wide, 1), wide, 2)
        x = x.mean((2, 3)) if pooling else x.flatten(1)
        # The mean over the readout's own weights, for which no draw is needed.
        products.append(b + w * x @ x.T / x.shape[1])
    found = torch.stack(products)
    error = found.std(0) / math.sqrt(len(found))
    kernel = ConvNNGP((2, 5, 4), 2, 3, (1, 2), 1, pooling, w, b)
    expected = kernel(images.flatten(1))
    # The mean is the limit's at any width of one layer; of two it differs by a part in the width.
    slack = 4.0 * expected.abs() / wide
    assert ((found.mean(0) - expected).abs() < 4.5 * error + slack).all()
    assert (4.5 * error + slack < 0.15 * expected).all()  # so it can fail


@pytest.mark.parametrize(("dense", "conv"), [(NNGP, ConvNNGP), (NTK, ConvNTK)])
def test_one_pixel_is_a_fully_connected_network(dense, conv):
    A, B = RNG.normal(size=(6, 5)), RNG.normal(size=(4, 5))
    of_pixels, of_image = conv((5, 1, 1), 3, 1, 1, 0, False, 1.7, 0.3), dense(3, 1.7, 0.3)
    torch.testing.assert_close(of_pixels(A, B), of_image(A, B), rtol=1e-13, atol=0)
    filter_of_all = conv((5, 5), 2, (5, 1), padding="valid", bias_variance=0.1)
    X = RNG.normal(size=(6, 25))
    torch.testing.assert_close(filter_of_all(X), dense(2, 2.0, 0.1)(X), rtol=1e-13, atol=0)


# --- What the kernels promise ---------------------------------------------------------------------


IMAGES = RNG.random((7, 36)) * (RNG.random((7, 36)) < 0.6)
SOME = [
    ConvNNGP((6, 6), 2, bias_variance=0.2),
    ConvNNGP((6, 6), 2, stride=(1, 2), pooling=True),
    ConvNTK((6, 6), 2, padding="circular", pooling=True),
    ConvNTK((4, 3, 3), 3, 2, bias_variance=0.1),
]


@pytest.mark.parametrize("kernel", SOME, ids=repr)
def test_blocks_make_no_difference(kernel, monkeypatch):
    whole, cross = kernel(IMAGES), kernel(IMAGES[:3], IMAGES)
    monkeypatch.setitem(convolutional._IMAGES, "cpu", 3)
    monkeypatch.setitem(convolutional._NUMBERS, "cpu", 80)
    K = kernel(IMAGES)
    torch.testing.assert_close(K, whole, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(kernel(IMAGES[:3], IMAGES), cross, rtol=1e-13, atol=1e-15)
    assert torch.equal(K, K.T)
    assert torch.equal(K.diagonal(), kernel.diagonal(IMAGES))
    assert torch.linalg.eigvalsh(whole).min() > -1e-13


def test_temporaries_are_bounded(monkeypatch):
    """However large the images, and however many."""
    monkeypatch.setitem(convolutional._NUMBERS, "cpu", 2000)
    images = torch.from_numpy(RNG.random((6, 400)))
    for kernel in (ConvNNGP((20, 20), 1), ConvNTK((20, 20), 1, stride=4, pooling=True)):
        with Largest(images) as largest:
            kernel(images)
        assert largest.numel <= 32 * 2000
    assert ConvNNGP((20, 20), 1)._images_at_a_time(images) < 64


@pytest.mark.parametrize("kernel", SOME, ids=repr)
@pytest.mark.parametrize("power", [-266, -1, 40, 266])  # 1e-80 to 1e80
def test_scale_to_the_last_bit(kernel, power):
    scaled = ConvNNGP if isinstance(kernel, ConvNNGP) else ConvNTK
    size = 2.0**power
    fields = {name: getattr(kernel, name) for name in kernel.__dataclass_fields__}
    scaled = scaled(**{**fields, "bias_variance": 4.0**power * kernel.bias_variance})
    assert torch.equal(scaled(IMAGES * size), kernel(IMAGES) * 4.0**power)


@pytest.mark.parametrize("kernel", [ConvNNGP, ConvNTK])
@pytest.mark.parametrize("pooling", [False, True])
def test_blank_images(kernel, pooling):
    images = np.stack([np.zeros(36), IMAGES[0]])
    K = kernel((6, 6), 2, pooling=pooling)(images)
    assert (K[0] == 0.0).all() and K[1, 1] > 0.0
    # With biases two blank images are one, and see what biases alone make of it.
    K = kernel((6, 6), 2, pooling=pooling, padding="circular", bias_variance=0.5)(images[[0, 0]])
    depth, flat = 2, [0.5]
    for _ in range(depth):
        flat.append(0.5 + flat[-1])
    tangent = sum(flat) if kernel is ConvNTK else flat[-1]
    torch.testing.assert_close(K, torch.full((2, 2), tangent, dtype=torch.float64))


def test_pooling_over_a_circle_sees_no_translation():
    image = IMAGES[0].reshape(6, 6)
    moved = [np.roll(image, (i, j), (0, 1)).ravel() for i, j in ((0, 0), (1, 0), (2, 5))]
    for kernel in (ConvNNGP, ConvNTK):
        K = kernel((6, 6), 2, padding="circular", pooling=True, bias_variance=0.1)(moved)
        torch.testing.assert_close(K, K[0, 0].expand(3, 3), rtol=1e-13, atol=0)
        K = kernel((6, 6), 2, padding="circular", bias_variance=0.1)(moved)
        assert K[0, 1] < 0.99 * K[0, 0]  # the positions have weights of their own


def test_gradients_against_differences():
    pair = Pair(torch.from_numpy(IMAGES[:4]), torch.from_numpy(IMAGES[2:]))
    W = torch.from_numpy(RNG.normal(size=(4, 5)))
    for kernel in (
        ConvNNGP((6, 6), 3, stride=(1, 2, 1), bias_variance=0.3, weight_variance=1.4),
        ConvNNGP((4, 3, 3), 2, 2, padding="circular", pooling=True, bias_variance=0.1),
    ):
        names, values = zip(*kernel.free(), strict=True)
        assert names == ("weight_variance", "bias_variance")
        found = kernel.pull_back(pair, W)
        for i in range(2):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [v * math.exp(step * (i == j)) for j, v in enumerate(values)]
                ends.append(float((W * kernel.with_free(iter(moved)).value(pair)).sum()))
            assert found[i] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-7)
    assert ConvNNGP((6, 6), 1).free() == [] and ConvNTK((6, 6), 1, bias_variance=0.1).free() == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (28,)}, r"shape: found \(28,\); give \(height, width\)"),
        ({"shape": 28}, "shape: found 28"),
        ({"shape": "28"}, "shape: found '28'"),
        ({"shape": (0, 3)}, "shape: found 0"),
        ({"depth": 0}, "depth: found 0"),
        ({"kernel_size": (3, 3)}, "kernel_size: found 2 numbers for depth=3"),
        ({"kernel_size": 0}, "kernel_size: found 0"),
        ({"kernel_size": 3.0}, r"kernel_size: found 3.0"),
        ({"stride": (1, 1, 0)}, "stride: found 0"),
        ({"padding": "full"}, "padding: found 'full'; known are circular, same, valid"),
        ({"padding": -1}, "padding: found -1"),
        ({"padding": "valid"}, "kernel_size: found 3 where a layer has 2 positions.*fewer layers"),
        ({"padding": "circular", "stride": 2}, "stride: found 2 for a circle of 3 positions"),
        ({"weight_variance": 0.0}, "weight_variance: found 0.0"),
        ({"bias_variance": -1.0}, "bias_variance: found -1.0"),
    ],
)
@pytest.mark.parametrize("kernel", [ConvNNGP, ConvNTK])
def test_refusals(kernel, arguments, message):
    with pytest.raises(ValueError, match=message):
        kernel(**{"shape": (6, 6), "depth": 3, **arguments})


def test_pooling_is_a_yes_or_no():
    with pytest.raises(ValueError, match="pooling: found 'no'; give True or False"):
        convolutional._yes_or_no("pooling", "no")


def test_inputs_of_another_shape_are_refused():
    for ask in (lambda k: k(IMAGES[:, :35]), lambda k: k.diagonal(IMAGES[:, :35])):
        with pytest.raises(ValueError, match=r"inputs of width 35, but ConvNTK\(\(6, 6\).*36 numb"):
            ask(ConvNTK((6, 6), 1))
    with pytest.raises(ValueError, match="inputs are probably too large"):
        ConvNNGP((6, 6), 1)(IMAGES * 1e170)


# --- Spaces ---------------------------------------------------------------------------------------


def a_task(n=30, m=12):
    """Targets drawn from a convolutional network with biases, and some noise."""
    rng = np.random.default_rng(1)
    X = rng.random((n + m, 36)) * (rng.random((n + m, 36)) < 0.5)
    K = ConvNNGP((6, 6), 2, bias_variance=0.3)(X).numpy()
    Y = np.linalg.cholesky(K) @ rng.normal(size=(n + m, 3)) + 0.03 * rng.normal(size=(n + m, 3))
    return ib.Task(X[:n], Y[:n], X[n:], Y[n:], input_shape=(6, 6))


def test_fit_chooses_the_variances_by_the_evidence():
    task = a_task()
    start = ConvNNGP((6, 6), 2, bias_variance=0.01)
    space = ib.GaussianSpace.fit(task, start, hold="weight_variance", progress=False)
    chosen, best = space.choice.kernel, space.log_marginal_likelihood(task)
    assert chosen.weight_variance == 2.0 and 0.03 < chosen.bias_variance < 3.0
    assert best == pytest.approx(space.choice.value, abs=1e-6)
    for factor in (0.01 / chosen.bias_variance, 0.5, 0.9, 1.1, 2.0):
        moved = ConvNNGP((6, 6), 2, bias_variance=factor * chosen.bias_variance)
        other = ib.GaussianSpace.fit(task, moved, hold="kernel", progress=False)
        assert other.choice.value < best
    with pytest.warns(UserWarning, match="weight_variance at its upper bound 2.01"):
        both = ib.GaussianSpace.fit(
            task, start, bounds={"weight_variance": (1.99, 2.01)}, progress=False
        )
    assert both.choice.kernel.weight_variance != 2.0 and both.choice.value >= best - 1e-3


def test_ensembles_of_convolutional_networks():
    task = a_task()
    kernel = ConvNTK((36, 1, 1), 2, 1)
    space, dense = ib.InfiniteNetworkSpace.of(kernel), ib.InfiniteNetworkSpace(depth=2)
    assert space.loss_law(task).mean() == pytest.approx(dense.loss_law(task).mean(), rel=1e-9)
    assert space.at_start == ConvNNGP((36, 1, 1), 2, 1)
    assert repr(space).startswith("InfiniteNetworkSpace.of(ConvNTK((36, 1, 1), depth=2")
    assert repr(ib.InfiniteNetworkSpace.of(NTK(2))) == repr(dense)
    with pytest.raises(ValueError, match="has no evidence"):
        space.log_marginal_likelihood(task)
    for wrong in (ConvNNGP((6, 6), 1), RBF(1.0), 2.0 * kernel):
        with pytest.raises(ValueError, match="no tangent kernel"):
            ib.InfiniteNetworkSpace.of(wrong)


# --- On disk --------------------------------------------------------------------------------------


def test_kept_values_are_not_computed_again(tmp_path, monkeypatch):
    kernel = OnDisk(ConvNNGP((6, 6), 1, bias_variance=0.1), tmp_path / "kept")
    first, cross = kernel(IMAGES), kernel(IMAGES[:2], IMAGES)
    assert torch.equal(first, kernel.kernel(IMAGES))
    other = OnDisk(ConvNNGP((6, 6), 1, bias_variance=0.1 + 1e-17 + 2e-17), tmp_path / "kept")
    assert other != kernel
    changed = other(IMAGES)  # another kernel is never answered by this one's values
    assert not torch.equal(changed, first)

    def refuse(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(ConvNNGP, "_tile", refuse)
    assert torch.equal(kernel(IMAGES), first) and torch.equal(kernel(IMAGES[:2], IMAGES), cross)
    assert torch.equal(other(IMAGES), changed)
    with pytest.raises(AssertionError, match="computed again"):
        kernel(IMAGES + 1e-16 * (np.arange(36) == 35) + 1.0)
    monkeypatch.setattr("ibhelpers.kernels.on_disk._code", lambda: "another edition")
    with pytest.raises(AssertionError, match="computed again"):
        kernel(IMAGES)


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-8], lambda b: b[:-1] + b"!", lambda b: b"", lambda b: b"{" + b]
)
def test_damaged_files_are_computed_again(tmp_path, damage):
    kernel = OnDisk(RBF(1.0), tmp_path)
    whole = kernel(IMAGES)
    (file,) = tmp_path.iterdir()
    good = file.read_bytes()
    file.write_bytes(damage(good))
    with pytest.warns(UserWarning, match="is damaged"):
        assert torch.equal(kernel(IMAGES), whole)
    assert file.read_bytes() == good and list(tmp_path.iterdir()) == [file]
    # A file under another's name is no answer either.
    file.rename(tmp_path / "moved")
    kernel(IMAGES[:3])
    (small,) = (f for f in tmp_path.iterdir() if f.name != "moved")
    (tmp_path / "moved").replace(small)
    with pytest.warns(UserWarning, match="is damaged"):
        assert torch.equal(kernel(IMAGES[:3]), RBF(1.0)(IMAGES[:3]))


def test_what_cannot_be_kept(tmp_path, monkeypatch):
    for wrong in (lambda A, B: A @ B.T, ib.kernels.FunctionKernel(lambda A, B: A @ B.T), "RBF"):
        with pytest.raises(ValueError, match="give a kernel of this package"):
            OnDisk(wrong, tmp_path)
    with pytest.raises(ValueError, match="give a kernel of this package"):
        OnDisk(2.0 * ib.kernels.FunctionKernel(lambda A, B: A @ B.T), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"folder: found .*cannot be made"):
        OnDisk(RBF(1.0), tmp_path / "file")

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.warns(UserWarning, match="could not be written"):
        found = OnDisk(RBF(1.0), tmp_path / "new")(IMAGES)
    assert torch.equal(found, RBF(1.0)(IMAGES)) and not list((tmp_path / "new").iterdir())


def test_spaces_of_kept_kernels(tmp_path):
    task, kernel = a_task(), ConvNTK((6, 6), 1)
    kept, plain = (ib.InfiniteNetworkSpace.of(k) for k in (OnDisk(kernel, tmp_path), kernel))
    for _ in range(2):
        assert kept.loss_law(task).mean() == plain.loss_law(task).mean()
    fitted = ib.GaussianSpace.fit(task, OnDisk(kernel.at_start, tmp_path), progress=False)
    direct = ib.GaussianSpace.fit(task, kernel.at_start, progress=False)
    assert fitted.choice.amplitude == pytest.approx(direct.choice.amplitude)
