"""Real numbers out of any container: what is unambiguous is converted, the rest refused in words.

A mask, a missing value, a text or a date must never become a number on the way to an array. So
every argument that holds numbers is read here, once, and only here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

# What to do about arrays that hold no real numbers, by the kind of their data type.
_ADVICE = {
    "c": "give its real and imaginary parts as columns of their own",
    "m": "divide by a unit, such as numpy.timedelta64(1, 'D')",
    "M": "subtract a date and divide by a unit, such as numpy.timedelta64(1, 'D')",
    "V": "make columns of the fields, numpy.lib.recfunctions.structured_to_unstructured",
}
_TEXT = "these are not numbers; convert categories to one-hot rows, and text to numbers"


def real(name: str, value: Any) -> np.ndarray | Tensor:
    """Real numbers in any container, as a plain array; a tensor stays one, on its device.

    Parameters
    ----------
    name : str
        What to call the argument in an error.
    value : array_like
        A number, nested sequences, an array, a dense, sparse or low-precision tensor, a sparse
        matrix, a data frame or a series, objects that are numbers (fractions, decimals), or
        anything that NumPy can read.

    Returns
    -------
    ndarray or Tensor
        Of booleans, integers or floats of any precision; NaN and infinity are left to the caller.

    Raises
    ------
    ValueError
        If a value is masked, missing, or no real number, or if there is no array to be had.

    Examples
    --------
    >>> from fractions import Fraction
    >>> real("x", [Fraction(1, 2), 3])
    array([0.5, 3. ])
    """
    try:
        return _dense(name, value) if isinstance(value, Tensor) else _array(name, value)
    except _Refused as refused:
        raise ValueError(str(refused)) from None
    except Exception as error:  # a foreign container may raise anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        advice = (
            "rows must have equal lengths"
            if "inhomogeneous" in reason
            else "give a list, an array or a tensor of numbers"
        )
        raise ValueError(f"{name}: could not be read as an array ({reason}); {advice}.") from None


class _Refused(ValueError):
    """An argument that was read, and refused in words."""


def _dense(name: str, tensor: Tensor) -> Tensor:
    """A dense, real tensor without its gradient."""
    if tensor.is_nested:
        raise _Refused(
            f"{name}: found a nested tensor; rows must have equal lengths, so pad them, "
            "torch.nested.to_padded_tensor, or give one tensor."
        )
    if torch.masked.is_masked_tensor(tensor):
        raise _Refused(f"{name}: found a masked tensor; fill it, or keep the rows without a mask.")
    if tensor.is_meta:
        raise _Refused(f"{name}: found a tensor on the meta device, which holds no numbers.")
    tensor = tensor.detach()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_complex():
        raise _Refused(f"{name}: found data of type {tensor.dtype}; {_ADVICE['c']}.")
    return tensor


def _array(name: str, value: Any) -> np.ndarray:
    """A plain array of booleans, integers or floats."""
    pandas, sparse = sys.modules.get("pandas"), sys.modules.get("scipy.sparse")
    if pandas and isinstance(value, pandas.DataFrame):
        return _from_frame(name, value)
    if pandas and isinstance(
        value, (pandas.Series, pandas.Index, pandas.api.extensions.ExtensionArray)
    ):
        return _from_series(name, pandas.Series(value))
    if names := column_names(value):  # each of a type of its own, which an array of all would lose
        columns = [_array(f"{name}, column {label!r}", value[label]) for label in names]
        return np.stack(columns, axis=1)
    if sparse and sparse.issparse(value):
        value = value.toarray()
    elif isinstance(value, np.ma.MaskedArray):
        value = _unmasked(name, value)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        value = [_element(name, element) for element in value]
    array = np.asanyarray(value)  # of another library, which may answer with a masked one
    if isinstance(array, np.ma.MaskedArray):
        array = _unmasked(name, array)
    return _numeric(name, value, np.asarray(array))


def _element(name: str, element: Any) -> Any:
    """An element of a sequence, which may be a container itself."""
    if isinstance(element, (Real, Decimal, str, bytes)):
        return element
    if isinstance(element, Tensor):
        element = _dense(name, element)
        return (element if element.dtype == torch.float32 else element.double()).cpu().numpy()
    if isinstance(element, Sequence) or hasattr(element, "__array__"):
        return _array(name, element)
    return element


def _numeric(name: str, value: Any, array: np.ndarray) -> np.ndarray:
    """The array, if it holds real numbers."""
    if array.dtype.kind in "fiub":
        return array
    if array.dtype.kind == "O":
        if array.ndim == 0 and not isinstance(value, (Real, Decimal)) and value is not None:
            raise _Refused(
                f"{name}: found a {type(value).__name__}, which is no array; give a list, an array "
                "or a tensor of numbers, such as list(...) of what an iterator yields."
            )
        return _from_objects(name, array)
    advice = _ADVICE.get(array.dtype.kind, _TEXT)
    raise _Refused(f"{name}: found data of type {array.dtype}; give real numbers ({advice}).")


def _from_objects(name: str, array: np.ndarray) -> np.ndarray:
    """Objects that are numbers, such as fractions and decimals, as integers or floats."""
    entries = array.ravel().tolist()
    for i, entry in enumerate(entries):
        if not isinstance(entry, (Real, Decimal, np.bool_)):
            where = [int(j) for j in np.unravel_index(i, array.shape)]
            raise _Refused(
                f"{name}: found data of type object, with {entry!r:.60} at position {where}; give "
                f"real numbers ({_advice_on(entry)})."
            )
    integers = all(isinstance(entry, Integral) for entry in entries)
    try:
        numbers = np.array(entries, dtype=np.int64 if integers else np.float64)
    except OverflowError:
        numbers = np.array([float(entry) for entry in entries])  # or too large for a float
    return numbers.reshape(array.shape)


def _advice_on(entry: Any) -> str:
    """What to do about an object that is no number."""
    if entry is None or type(entry).__name__ in ("NAType", "NaTType"):
        return "remove or impute missing values"
    if hasattr(entry, "__len__") and not isinstance(entry, (str, bytes)):
        return "rows must have equal lengths; numpy.stack makes one array of them"
    return _TEXT


def _unmasked(name: str, array: np.ma.MaskedArray) -> np.ndarray:
    """The data of a masked array, none of which may be masked."""
    masked = int(np.ma.count_masked(array))
    if masked:
        raise _Refused(
            f"{name}: found {masked} masked entries, which are no numbers; fill them with "
            f"{name}.filled(...), or keep what is not masked."
        )
    return array.data


def _from_frame(name: str, frame: Any) -> np.ndarray:
    """A data frame whose columns are all numbers."""
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in frame.dtypes):
        _refuse_missing(name, frame)
        return frame.to_numpy()
    columns = [
        _from_series(f"{name}, column {label!r}", frame.iloc[:, i])
        for i, label in enumerate(frame.columns)
    ]
    return np.stack(columns, axis=1)


def _from_series(name: str, series: Any) -> np.ndarray:
    """A series of numbers."""
    types = sys.modules["pandas"].api.types  # loaded, since a series of it is here
    _refuse_missing(name, series)
    if types.is_object_dtype(series.dtype):
        return _from_objects(name, series.to_numpy())
    if not types.is_numeric_dtype(series.dtype) or types.is_complex_dtype(series.dtype):
        raise _Refused(
            f"{name}: found data of type {series.dtype}; give real numbers (leave the column out, "
            "encode categories with pandas.get_dummies, or convert with pandas.to_numeric)."
        )
    return np.asarray(series.to_numpy())


def _refuse_missing(name: str, pandas_object: Any) -> None:
    missing = pandas_object.isna()
    if not missing.to_numpy().any():
        return
    if missing.ndim == 2:
        name = f"{name}, column {missing.columns[int(missing.to_numpy().any(axis=0).argmax())]!r}"
        missing = missing.iloc[:, int(missing.to_numpy().any(axis=0).argmax())]
    first = missing.index[int(missing.to_numpy().argmax())]
    raise _Refused(
        f"{name}: found {int(missing.sum())} entries that are NaN or missing, the first at index "
        f"{first!r}; remove or impute them, such as with dropna() or fillna(...)."
    )


def column_names(value: Any) -> list[str] | None:
    """Names of the columns of a data frame of any library; None where they have none."""
    found: Any = getattr(value, "column_names", None)  # of Arrow, whose columns are no names
    if found is None:
        found = getattr(value, "columns", None)
    names = list(found) if hasattr(found, "__iter__") else []
    return names if names and all(isinstance(name, str) for name in names) else None


def unit_of(X: np.ndarray | Tensor) -> float:
    """The power of two near the largest number in X; 1 if all are 0.

    What is divided by it is divided exactly, and its squares neither overflow nor vanish.
    """
    largest = X.abs().max() if isinstance(X, Tensor) else np.abs(X).max()
    exponent = math.frexp(float(largest))[1]  # which is 0 where the largest is 0
    return 2.0 ** max(-1022, min(exponent, 1023))
