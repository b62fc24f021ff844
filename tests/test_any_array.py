"""Arrays of every type, shape and container through every public entry.

Each entry gives the number that an oracle finds for the same values, read by hand, or a ValueError
or TypeError that names the argument. A container that holds real numbers of the right shape must
be read; one that does not must be refused.
"""

import math
import warnings
from decimal import Decimal
from fractions import Fraction

import jaxtyping
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy import stats

import ibhelpers as ib
from ibhelpers import kernels, laws

# --- Containers: an object, from float64 values that are multiples of 1/4 below 16 ----------------

NUMPY = [
    *("?", "i1", "u1", "i2", ">i4", "i8", "u8", "f2", "f4", ">f4", "f8", ">f8", "g"),
]
TORCH = [
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn),
]
NO_NUMBERS = [
    *("c8", "c16", "M8[s]", "m8[ns]", "U", "S", np.dtypes.StringDType(), [("a", "f8")]),
]


class Foreign:
    """A frame of another library, read by NumPy's protocol."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


class Masked:
    """Of another library, too, which answers with a masked array."""

    def __init__(self, values, mask):
        self.values = np.ma.array(values, mask=mask)

    def __array__(self, dtype=None, copy=None):
        return self.values


class Broken:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("the numbers are on a device")


def numpy_array(values, draw):
    array = values.astype(draw(st.sampled_from(NUMPY)))
    layout = draw(st.sampled_from(["C", "F", "strided", "reversed", "read-only", "memory-mapped"]))
    if layout == "strided" and array.ndim:
        array = np.repeat(array, 3, axis=-1)[..., ::3]
    elif layout == "reversed" and array.ndim:
        array = array[::-1].copy()[::-1]
    elif layout == "read-only":
        array.flags.writeable = False
    elif layout == "memory-mapped" and array.size:
        array = np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)
    else:
        array = np.array(array, order="F" if layout == "F" else "C")
    return array, array.astype(float)


def tensor(values, draw):
    found = torch.tensor(values).to(draw(st.sampled_from(TORCH)))
    expected = found.double().numpy()
    form = draw(st.sampled_from(["plain", "requires grad", "sparse", "transposed"]))
    if form == "requires grad" and found.dtype in (torch.float64, torch.bfloat16):
        found = found.clone().requires_grad_()
    elif form == "sparse" and found.dtype in (torch.float64, torch.float32, torch.int64):
        found = found.to_sparse() if found.ndim else found
    elif form == "transposed" and found.ndim == 2:
        found = found.T.contiguous().T
    return found, expected


def sequence(values, draw):
    kind = draw(st.sampled_from(["lists", "tuples", "numbers", "tensors", "series", "masked"]))
    if values.ndim == 0:
        return Fraction(float(values)), values
    if values.size == 0:  # a sequence of nothing has no second dimension
        return [], np.empty(0)
    if kind == "lists":
        return values.tolist(), values
    if kind == "tuples":
        return tuple(map(tuple, values)) if values.ndim == 2 else tuple(values), values
    if kind == "numbers":
        exact = np.vectorize(draw(st.sampled_from([Fraction, Decimal])), otypes=[object])
        return (exact(values) if draw(st.booleans()) else exact(values).tolist()), values
    if kind == "masked":
        return [np.ma.array(row, mask=False) for row in values], values
    if kind == "tensors" or values.ndim != 2:
        return list(torch.tensor(values, requires_grad=True)), values
    return [pd.Series(row) for row in values], values


def pandas_object(values, draw):
    if values.ndim == 0 or values.ndim > 2:
        return values, values
    kind = draw(st.sampled_from([None, "Float64", "Float32", object, "Sparse[float]", "float32"]))
    make = pd.DataFrame if values.ndim == 2 else draw(st.sampled_from([pd.Series, pd.array]))
    if make is pd.array and kind is object:
        kind = None
    found = make(values) if kind is None else make(values, dtype=kind)
    return found, values if values.size else np.empty(found.shape)  # sparse ones lose empty rows


def other_library(values, draw):
    form = draw(st.sampled_from(["matrix", "sparse", "masked", "foreign"]))
    if form == "foreign":
        return Foreign(values), values
    if form == "masked" or values.ndim != 2 or values.size == 0:
        return np.ma.array(values, mask=False), values
    return (values.view(np.matrix) if form == "matrix" else scipy.sparse.csc_array(values)), values


def no_numbers(values, draw):
    """What holds no real numbers, or hides one, or is no array."""
    form = draw(st.integers(0, 12))
    size = max(1, values.size)
    hidden = np.arange(size) == draw(st.integers(0, size - 1))
    if form <= 4:
        kind = draw(st.sampled_from(NO_NUMBERS))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            whole = values if kind in ("c8", "c16") else np.floor(values).astype("i8")
            return whole.astype(kind), None
    flat = np.resize(values, size)
    shape = values.shape if values.size else (1,)
    if form == 5:
        make = draw(st.sampled_from([np.ma.array, Masked]))
        return make(flat.reshape(shape), mask=hidden.reshape(shape)), None
    if form == 6:
        missing = draw(st.sampled_from([None, pd.NA, pd.NaT, "1.0", 1j]))
        objects = flat.astype(object)
        objects[hidden] = missing
        return objects.reshape(shape), None
    if form == 7:
        return pd.Series(np.where(hidden, None, flat), dtype="Float64"), None
    if form == 8:
        text = draw(st.sampled_from(["category", "str", "datetime64[ns]"]))
        return pd.DataFrame({"a": pd.Series(np.floor(flat).astype(int)).astype(text)}), None
    if form == 9:
        return draw(st.sampled_from([None, "1.0", b"1", {"a": 1.0}, {1.0}, Broken(), print])), None
    if form == 10:
        return (x for x in flat), None
    if form == 11:
        return torch.tensor(values, dtype=torch.complex64), None
    return torch.empty(values.shape, device="meta"), None


SHAPES = [
    *((), (0,), (1,), (2,), (3,), (12,), (24,), (1, 1), (3, 1), (12, 1)),
    *((12, 2), (0, 2), (12, 0), (3, 2, 2)),
]


@st.composite
def objects(draw):
    """An object of any kind, and the numbers that it holds, or None."""
    shape = draw(st.sampled_from(SHAPES))
    quarters = st.integers(1, 60)
    count = math.prod(shape)
    values = np.array(draw(st.lists(quarters, min_size=count, max_size=count)), float) / 4
    make = draw(
        st.sampled_from(
            [numpy_array, tensor, sequence, pandas_object, other_library, no_numbers, no_numbers]
        )
    )
    return make(values.reshape(shape), draw)


# --- Entries: what they ask of the numbers, and what they must answer -----------------------------

FIXED = np.array([[0.5, 1.0], [2.0, 0.25], [4.0, 3.0]])
LAW = laws.GeneralizedChi2(weights=[3.0], df=[2.0], nc=[0.0])  # 1 - exp(-x/6) below x
FLOOR = math.log(0.5)
HALVES = np.arange(20.0) / 2
FEW = ib.tasks.load("synthetic", n_train=4, n_test=3, ambient=2, intrinsic=2, outputs=1)
NOISY = ib.GaussianSpace(kernels.RBF(1.0), noise=0.1)
NETWORKS = ib.NetworkSpace(ib.networks.mlp(), batch_size=2)
FEW_DIGITS = ib.tasks.load("digits", n_train=20, n_test=5)


def is_matrix(a):
    return a.ndim == 2 and a.size > 0


def is_losses(a):
    return a.ndim == 1 and len(a) >= 10 and np.ptp(a) > 0


def are_positive(a):
    return is_losses(a) and (a > 0).all()


def is_number(a):
    return a.size == 1 and not (a == 1.0).any()  # 1 may be a boolean


def float_of(a):
    return float(a.reshape(-1)[0])


def no_array(a):
    """Whole numbers that count or name something are given as such."""
    return False


def rare(target_error):
    return ib.rare_event_bias(
        NOISY,
        FEW,
        loss="mse",
        target_error=target_error,
        seed=0,
        method="splitting",
        particles=20,
        moves=1,
        progress=False,
    )


def other_exponential(rule):
    """P(L' <= x) / P(L <= x), where L' has 2 in place of the weight 3."""
    return rule.ratio(torch.log(1 + 6 * rule.nodes) - torch.log(1 + 4 * rule.nodes))[0]


def pareto_below_half(threshold):
    """Of the losses `HALVES`, with the endpoint two below the threshold, and the exponent 2."""
    if threshold < 0.5:
        return (HALVES <= 0.5).mean()
    return (HALVES <= threshold).mean() * (max(0.0, 2.5 - threshold) / 2.0) ** 2


def on_a_sphere(target_error, *, n, R, M, D, B):
    """The earlier bound in two dimensions, where binomials are products."""
    K = (math.sqrt(1 + 4 * M**2) - 1) / 2
    E = (2 + K) * (1 + K) / 2 + (1 + K) * K / 2
    L, W = K * math.sqrt(D) / R, R * math.sqrt(1 / 3) * math.sqrt(4 * math.pi / n)
    bits = math.log2(math.sqrt(D) * B * L * W / float_of(target_error))
    return D * (2 * E - n) * max(bits, 0.0)


class Answering:
    """A model whose predictions of three test examples are what it was given."""

    def __init__(self, answer):
        self.answer = answer

    def get_params(self, deep=True):
        return {"answer": self.answer}

    def __sklearn_clone__(self):
        return self

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.answer if len(X) == 3 else np.zeros(len(X))


def asked(question):
    return ib.compare.draws(question, FEW, 1, processes=1, progress=False).values.bits[0]


def trained(**settings):
    space = ib.NetworkSpace(ib.networks.mlp(width=2), epochs=1, batch_size=2, **settings)
    return space.sample_losses(FEW, 1, seed=0, progress=False)


def rbf(A, B):
    return np.exp(-0.5 * np.square(A[:, None] - B[None]).sum(-1))


def median_distance(a):
    distances = [np.linalg.norm(p - q) for i, p in enumerate(a) for q in a[:i]]
    return np.median(distances)


def task(X_train=FIXED, y_train=FIXED, X_test=FIXED, y_test=FIXED, **labels):
    return ib.Task(X_train, y_train, X_test, y_test, **labels)


def drawn(x, outputs):
    axes = Figure().add_subplot()
    ib.plots.draw_hypotheses(axes, x, outputs)
    return np.array([line.get_ydata() for line in axes.lines])


def losses_of(callable_):
    space = ib.GaussianSpace(kernels.RBF(1.0))
    few = ib.tasks.load("synthetic", n_train=4, n_test=3, ambient=2, intrinsic=2, outputs=1)
    return space.sample_losses(few, 12, seed=0, loss=callable_)


ENTRIES = {
    # name: (argument's name, entry, which numbers it takes, oracle)
    "Task.X_train": (
        "X_train",
        lambda o: task(X_train=o, y_train=np.ones((12, 2))).X_train,
        lambda a: a.shape == (12, 2),
        lambda a: a,
    ),
    "Task.y_test": (
        "y_test",
        lambda o: task(y_train=[1.0, 2.0, 3.0], X_test=np.ones((12, 2)), y_test=o).y_test,
        lambda a: a.shape in ((12,), (12, 1)),
        lambda a: a.reshape(12, 1),
    ),
    "kernel(A)": (
        "A",
        kernels.RBF(1.0),
        is_matrix,
        lambda a: rbf(a, a),
    ),
    "kernel(A, B)": (
        "B",
        lambda o: kernels.RBF(1.0)(FIXED, o),
        lambda a: is_matrix(a) and a.shape[1] == 2,
        lambda a: rbf(FIXED, a),
    ),
    "kernel.diagonal": (
        "A",
        kernels.Linear(0.5).diagonal,
        is_matrix,
        lambda a: 0.5 + (a * a).sum(1),
    ),
    "lengthscale": (
        "lengthscale",
        lambda o: kernels.Laplace(o)(FIXED[:1], FIXED[1:2]),
        lambda a: a.shape in ((), (2,)) and ((a > 0) & (a != 1)).all(),  # 1 may be a boolean
        lambda a: np.exp(-np.abs((FIXED[:1] - FIXED[1:2]) / a.reshape(-1)).sum(keepdims=True)),
    ),
    "FunctionKernel": (
        "kernel",
        lambda o: kernels.FunctionKernel(lambda A, B: o)(np.ones((12, 1)), 2 * np.ones((2, 1))),
        lambda a: a.shape == (12, 2),
        lambda a: a,
    ),
    "RBF.from_median": (
        "X",
        lambda o: kernels.RBF.from_median(o).lengthscale,
        lambda a: is_matrix(a) and len(a) > 1 and median_distance(a) > 0,
        median_distance,
    ),
    "GeneralizedChi2.weights": (
        "weights",
        lambda o: laws.GeneralizedChi2(weights=o, df=2.0, nc=1.0).mean(),
        lambda a: a.ndim == 1 and len(a) and (a > 0).all(),
        lambda a: 3.0 * a.sum(),
    ),
    "GeneralizedChi2.nc": (
        "nc",
        lambda o: laws.GeneralizedChi2(weights=np.ones(12), df=2.0, nc=o).mean(),
        lambda a: a.shape in ((), (12,)),
        lambda a: 24.0 + (a * np.ones(12)).sum(),
    ),
    "cdf": ("x", LAW.cdf, lambda a: True, lambda a: -np.expm1(-a / 6.0)),
    "logccdf": ("x", LAW.logccdf, lambda a: True, lambda a: -a / 6.0),
    "ilogcdf": (
        "logp",
        lambda o: LAW.ilogcdf(o),
        lambda a: not a.any(),
        lambda a: np.full(a.shape, np.inf),
    ),
    "inductive_bias": (
        "target_error",
        lambda o: ib.inductive_bias(LAW, o).bits,
        lambda a: True,
        lambda a: (
            -np.log2(-np.expm1(-a / 6.0, where=a > 0, out=np.zeros(a.shape))) if a.all() else None
        ),
    ),
    "Empirical": (
        "losses",
        lambda o: laws.Empirical(o).cdf(5.0),
        is_losses,
        lambda a: (a <= 5.0).mean(),
    ),
    "Normal.fit": (
        "losses",
        lambda o: laws.Normal.fit(o).logcdf(0.5),
        is_losses,
        lambda a: stats.norm(a.mean(), a.std(ddof=1)).logcdf(0.5),
    ),
    "distance": (
        "reference",
        lambda o: laws.distance(np.arange(12.0), o).ks,
        lambda a: a.ndim == 1 and len(a) > 1 and np.ptp(a) > 0,
        lambda a: stats.ks_2samp(np.arange(12.0), a).statistic,
    ),
    "estimate_bias": (
        "target_error",
        lambda o: (
            ib.estimate_bias(np.arange(20.0, 40.0), o, tails=[laws.Normal], n_boot=0, seed=0).bits
        ),
        lambda a: a.size > 0,
        lambda a: stats.norm(29.5, np.arange(20.0).std(ddof=1)).logcdf(a.reshape(-1)) / FLOOR,
    ),
    "loss": (
        "loss",
        lambda o: losses_of(lambda outputs, task: o),
        lambda a: a.shape == (12,),
        lambda a: a,
    ),
    "draw_hypotheses": (
        "outputs",
        lambda o: drawn(np.arange(2.0), o),
        lambda a: a.shape == (12, 2),
        lambda a: a,
    ),
    "noise": (
        "noise",
        lambda o: ib.GaussianSpace(kernels.RBF(1.0), noise=o).noise,
        is_number,
        float_of,
    ),
    # Laws: their parameters
    "GeneralizedChi2.df": (
        "df",
        lambda o: laws.GeneralizedChi2(weights=np.ones(12), df=o, nc=0.0).mean(),
        lambda a: a.shape in ((), (12,)) and (a > 0).all(),
        lambda a: (a * np.ones(12)).sum(),
    ),
    "offset": (
        "offset",
        lambda o: laws.GeneralizedChi2(weights=[3.0], df=[2.0], nc=[0.0], offset=o).cdf(20.0),
        is_number,
        lambda a: -math.expm1(-(20.0 - float_of(a)) / 6.0),
    ),
    "ScaledChi2": (
        "df",
        lambda o: laws.ScaledChi2(o, 2.0).variance(),
        lambda a: is_number(a) and float_of(a) > 0,
        lambda a: 8.0 * float_of(a),
    ),
    "ScaledNoncentralChi2": (
        "nc",
        lambda o: laws.ScaledNoncentralChi2(2.0, o, 3.0).mean(),
        is_number,
        lambda a: 3.0 * (2.0 + float_of(a)),
    ),
    "from_moments": (
        "skewness",
        lambda o: laws.ScaledNoncentralChi2.from_moments(1.0, 0.5, o).variance(),
        is_number,
        lambda a: 0.5,
    ),
    "Normal.mean": (
        "mean",
        lambda o: laws.Normal(o, 2.0).logpdf(0.5),
        is_number,
        lambda a: stats.norm(float_of(a), 2.0).logpdf(0.5),
    ),
    "Normal.standard_deviation": (
        "standard_deviation",
        lambda o: laws.Normal(0.0, o).logccdf(0.5),
        lambda a: is_number(a) and float_of(a) > 0,
        lambda a: stats.norm(0.0, float_of(a)).logsf(0.5),
    ),
    "GeneralizedPareto": (
        "threshold",
        lambda o: laws.GeneralizedPareto(HALVES, o, -0.5, 1.0).cdf(0.5),
        is_number,
        lambda a: pareto_below_half(float_of(a)),
    ),
    # and their methods
    "logpdf": ("x", LAW.logpdf, lambda a: True, lambda a: -a / 6.0 - math.log(6.0)),
    "icdf": ("p", LAW.icdf, lambda a: (a < 1.0).all(), lambda a: -6.0 * np.log1p(-a)),
    "quadrature": (
        "x:",
        lambda o: other_exponential(LAW.quadrature(o)),
        lambda a: is_number(a) and float_of(a) > 0,
        lambda a: math.expm1(-float_of(a) / 4.0) / math.expm1(-float_of(a) / 6.0),
    ),
    "tilted_importance_sampling": (
        "x:",
        lambda o: laws.tilted_importance_sampling(LAW, o, 20, seed=0).logcdf,
        lambda a: is_number(a) and 0 < float_of(a) < 6.0,
        lambda a: laws.tilted_importance_sampling(LAW, float_of(a), 20, seed=0).logcdf,
    ),
    "orthant.covariance": (
        "covariance",
        lambda o: laws.orthant(o, n=100, seed=0).log_p,
        lambda a: a.shape == (1, 1) and a.item() > 0,
        lambda a: -math.log(2.0),
    ),
    "sample.n": ("n:", lambda o: LAW.sample(o, seed=0), no_array, None),
    "sample.seed": ("seed", lambda o: LAW.sample(2, seed=o), no_array, None),
    "certified_bits": (
        "confidence",
        lambda o: laws.certified_bits(10, o),
        lambda a: is_number(a) and 0 < float_of(a) < 1.0,
        lambda a: -math.log2(1.0 - ((1.0 - float_of(a)) / 2.0) ** 0.1),
    ),
    # fitted to losses
    "checked_losses": ("losses", laws.checked_losses, is_losses, lambda a: a),
    "ScaledChi2.fit": (
        "losses",
        lambda o: laws.ScaledChi2.fit(o).variance(),
        are_positive,
        lambda a: a.var(ddof=1),
    ),
    "distance.losses": (
        "losses",
        lambda o: laws.distance(o, LAW).ks,
        lambda a: a.ndim == 1 and len(a) > 1,
        lambda a: stats.kstest(a, stats.expon(scale=6.0).cdf).statistic,
    ),
    "estimate_bias.losses": (
        "losses",
        lambda o: ib.estimate_bias(o, 0.125, tails=[laws.Normal], n_boot=3, seed=0).bits,
        is_losses,
        lambda a: [stats.norm(a.mean(), a.std(ddof=1)).logcdf(0.125) / FLOOR],
    ),
    "estimate_bias.n_boot": (
        "n_boot",
        lambda o: ib.estimate_bias(HALVES, 0.125, tails=[laws.Normal], n_boot=o),
        no_array,
        None,
    ),
    # The paper's figures, and the earlier bound
    "released_bits": (
        "target_error",
        lambda o: ib.paper.released_bits(laws.ScaledNoncentralChi2(2.0, 1.0, 3.0), o),
        lambda a: (a > 0).all(),
        lambda a: stats.ncx2.logcdf(a / 3.0, 2.0, 1.0) / FLOOR,
    ),
    "cart_pole": (
        "target_error",
        lambda o: ib.bounds.cart_pole(n_observations=1, n=10, resolution=0.1, target_error=o).bits,
        lambda a: is_number(a) and float_of(a) > 0,
        lambda a: (
            (2 * (20 * math.pi) ** 2 * math.pi - 10)
            * math.log2(4 * math.pi**2 / (math.sqrt(3) * 0.1 * math.sqrt(10) * float_of(a)))
        ),
    ),
    # Comparisons, and what examples are worth
    "compare.kernels": (
        "target_error",
        lambda o: ib.compare.kernels(FEW, {"RBF": kernels.RBF(1.0)}, o, noise=0.1).bits,
        lambda a: a.size > 0,
        lambda a: ib.inductive_bias(NOISY.loss_law(FEW), a.reshape(-1)).bits,
    ),
    "compare.test_sizes": (
        "target_error",
        lambda o: ib.compare.test_sizes(NOISY, FEW, o, [3]).bits[0],
        is_number,
        lambda a: ib.inductive_bias(NOISY.loss_law(FEW), float_of(a)).bits,
    ),
    "worth": (
        "target_error",
        lambda o: ib.worth(NOISY, FEW, o).bits,
        lambda a: is_number(a) and float_of(a) > 0,
        lambda a: ib.inductive_bias(NOISY.loss_law(FEW), float_of(a)).bits,
    ),
    "bits_by_test_point": (
        "target_error",
        lambda o: ib.bias.bits_by_test_point(NOISY, FEW, o)[0],
        lambda a: is_number(a) and float_of(a) > 0,
        lambda a: ib.bias.bits_by_test_point(NOISY, FEW, float_of(a))[0],
    ),
    "expected_worth": (
        "X",
        lambda o: ib.bias.expected_worth(NOISY, FEW, 1.0, o),
        lambda a: a.ndim == 2 and a.size > 0 and a.shape[1] == FEW.n_inputs,
        lambda a: ib.bias.expected_worth(NOISY, FEW, 1.0, a.tolist()),
    ),
    "gradient": (
        "target_error",
        lambda o: ib.bias.gradient(NOISY, FEW, o).bits,
        lambda a: is_number(a) and float_of(a) > 0,
        lambda a: ib.inductive_bias(NOISY.loss_law(FEW), float_of(a)).bits,
    ),
    # More of the fits, the paper's figures and the bounds
    "ScaledNoncentralChi2.fit": (
        "losses",
        lambda o: laws.ScaledNoncentralChi2.fit(o).mean(),
        are_positive,
        lambda a: a.mean(),  # at which the likelihood is highest, whatever the other two are
    ),
    "GeneralizedPareto.fit": (
        "losses",
        lambda o: laws.GeneralizedPareto.fit(o).cdf(14.0),
        lambda a: a.shape == (24,) and np.ptp(a) > 0 and np.sort(a)[11] < 14.0,
        lambda a: (a <= 14.0).mean(),
    ),
    "released_fit": ("losses", ib.paper.released_fit, no_array, None),
    "error_decomposition": (
        "target_error",
        lambda o: ib.paper.error_decomposition(LAW, HALVES + 0.5, o).exact,
        lambda a: is_number(a) and 0 < float_of(a) < 6.0,
        lambda a: math.log(-math.expm1(-float_of(a) / 6.0)) / FLOOR,
    ),
    "error_decomposition.losses": (
        "losses",
        lambda o: ib.paper.error_decomposition(LAW, o, 0.5).fitted.mean(),
        are_positive,
        lambda a: a.mean(),
    ),
    "few_shot": (
        "target_error",
        lambda o: (
            ib.bounds.few_shot(
                **{"n": 9.0, "max_norm": 2.0, "within_dim": 1.0, "across_dim": 1.0},
                **{"resolution": 1.0, "target_error": o, "n_ways": 2},
            ).bits
        ),
        lambda a: is_number(a) and float_of(a) > 0,
        lambda a: on_a_sphere(
            a, n=9.0, R=8**0.5, M=32**0.5 * math.pi, D=4 * (8 * math.pi + 1), B=2**0.5
        ),
    ),
    "model_agnostic": (
        "target_error",
        lambda o: (
            ib.bounds.model_agnostic(
                **{"n": 9.0, "max_norm": 2.0, "intrinsic_dim": 2.0, "resolution": 1.0},
                **{"n_discrete": 1.0, "out_dim": 3.0, "out_bound": 5.0, "target_error": o},
            ).bits
        ),
        lambda a: is_number(a) and float_of(a) > 0,
        lambda a: on_a_sphere(a, n=9.0, R=2.0, M=4 * math.pi, D=3.0, B=5.0),
    ),
    "bounds.estimate": (
        "n_total",
        lambda o: ib.bounds.estimate(FEW_DIGITS, n_total=o),
        no_array,
        None,
    ),
    # What a reader's own model, question or space answers
    "compare.models": (
        "models",
        lambda o: ib.compare.models(FEW, LAW, {"own": Answering(o)}, seed=0).test_loss[0],
        lambda a: a.shape in ((3,), (3, 1)),
        lambda a: ((a.reshape(3, 1) - FEW.y_test) ** 2).mean(),
    ),
    "compare.draws.question": (
        "question",
        lambda o: asked(lambda task: {"bits": o}),
        is_number,
        float_of,
    ),
    "compare.recorded": ("name", ib.compare.recorded, no_array, None),
    # Simulation
    "schedule": (
        "schedule",
        lambda o: trained(schedule=lambda progress: o),
        is_number,
        lambda a: trained(schedule=lambda progress: float_of(a)),
    ),
    "lr": ("lr", lambda o: trained(lr=o), is_number, lambda a: trained(lr=float_of(a))),
    "rare_event_bias": (
        "target_error",
        lambda o: rare(o).bits,
        lambda a: a.size == 1,
        lambda a: np.reshape(rare(float_of(a)).bits, a.shape),
    ),
    "NetworkSpace.sample_losses": (
        "seed",
        lambda o: NETWORKS.sample_losses(FEW, 1, seed=o, progress=False),
        no_array,
        None,
    ),
    "NetworkSpace.train": (
        "n:",
        lambda o: NETWORKS.train(FEW, o, seed=0, progress=False),
        no_array,
        None,
    ),
    "compare.draws": (
        "n:",
        lambda o: ib.compare.draws(lambda task: {"n": 1.0}, FEW, o, processes=1, progress=False),
        no_array,
        None,
    ),
}


@pytest.fixture(autouse=True, scope="module")
def as_readers_run_it():
    """Without the tests' checker of types, which would refuse before the package does."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("name", ENTRIES)
@given(case=objects())
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_a_number_that_is_right_or_an_error_that_names_the_argument(name, case):
    argument, entry, takes, oracle = ENTRIES[name]
    given_object, values = case
    expected = oracle(values) if values is not None and takes(values) else None
    try:
        found = entry(given_object)
    except (ValueError, TypeError) as error:
        assert argument in str(error)
        assert expected is None, f"{type(given_object)} should have been read: {error}"
    else:
        assert values is not None, f"{type(given_object)} holds no numbers, but gave {found}"
        if expected is not None:
            np.testing.assert_allclose(np.asarray(found, float), expected, rtol=1e-12, atol=1e-14)


FLATS = pd.DataFrame({"area": np.arange(12.0) % 5, "price": np.arange(12.0) % 7})


@pytest.mark.parametrize("kind", [float, Decimal, Fraction])
@pytest.mark.parametrize("column", ["area", "price"])
def test_objects_that_are_numbers_are_no_categories_of_a_table(kind, column):
    objects = pd.Series([kind(v) for v in FLATS[column]], dtype=object)
    found = ib.Task.from_frame(FLATS.assign(**{column: objects}), "price", seed=0)
    plain = ib.Task.from_frame(FLATS, "price", seed=0)
    np.testing.assert_array_equal(found.X_train, plain.X_train)
    np.testing.assert_array_equal(found.y_test, plain.y_test)


@pytest.mark.parametrize("strange", [FLATS.area * 1j, pd.to_timedelta(FLATS.area, unit="D")])
def test_a_table_with_complex_numbers_or_durations_is_refused(strange):
    with pytest.raises(ValueError, match="frame: column 'area' holds"):
        ib.Task.from_frame(FLATS.assign(area=strange), "price")


def test_columns_of_a_table_may_be_numbered():
    numbered = FLATS.set_axis([0, 1], axis="columns")
    for target in (1, "1", [1]):
        assert ib.Task.from_frame(numbered, target).input_names == ("0",)
    for target in (None, 1.0):
        with pytest.raises(ValueError, match="target: found"):
            ib.Task.from_frame(numbered, target)


def test_a_target_beside_the_table_is_one_more_column():
    beside, within = np.arange(12.0), FLATS.assign(rent=np.arange(12.0))
    found, expected = ib.Task.from_frame(FLATS, beside), ib.Task.from_frame(within, "rent")
    np.testing.assert_array_equal(found.y_train, expected.y_train)
    np.testing.assert_array_equal(found.X_test, expected.X_test)
    with pytest.raises(ValueError, match="target: found"):
        ib.Task.from_frame(FLATS, beside[:11])


def test_labels_of_groups_are_read_from_any_container():
    few = ib.tasks.load("synthetic", n_train=4, n_test=3, ambient=2, intrinsic=2, outputs=1)
    space = ib.GaussianSpace(kernels.RBF(1.0), noise=0.1)
    labels = np.array([0, 0, 1, 1])
    expected = ib.worth(space, few, 1.0, groups=labels).groups
    for groups in (labels.tolist(), torch.tensor(labels), list(torch.tensor(labels))):
        pd.testing.assert_series_equal(ib.worth(space, few, 1.0, groups=groups).groups, expected)
    for groups in ({1, 2, 3, 4}, labels[:, None], [[0], [0], [1], [1]]):
        with pytest.raises(ValueError, match="groups: found"):
            ib.worth(space, few, 1.0, groups=groups)
