"""Arrays of every type, shape and container through every public entry.

Each entry gives the number that an oracle finds for the same values, read by hand, or a ValueError
or TypeError that names the argument. A container that holds real numbers of the right shape must
be read; one that does not must be refused.
"""

import math
import warnings
from decimal import Decimal
from fractions import Fraction

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
    return make(values) if kind is None else make(values, dtype=kind), values


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
        return np.ma.array(flat.reshape(shape), mask=hidden.reshape(shape)), None
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


SHAPES = [(), (0,), (1,), (2,), (12,), (1, 1), (12, 1), (12, 2), (0, 2), (12, 0), (3, 2, 2)]


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


def is_matrix(a):
    return a.ndim == 2 and a.size > 0


def is_losses(a):
    return a.ndim == 1 and len(a) >= 10 and np.ptp(a) > 0


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
        lambda a: a.size == 1 and not (a == 1.0).any(),
        lambda a: float(a.reshape(-1)[0]),
    ),
}


SCALARS = {"noise"}  # annotated as a float: the tests' checker of types refuses an array of one


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
        assert expected is None or name in SCALARS, (
            f"{type(given_object)} should have been read: {error}"
        )
    else:
        assert values is not None, f"{type(given_object)} holds no numbers, but gave {found}"
        if expected is not None:
            np.testing.assert_allclose(np.asarray(found, float), expected, rtol=1e-12, atol=1e-14)
