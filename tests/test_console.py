"""What is printed can be printed on consoles of any encoding."""

import io
import sys

import numpy as np
import pytest

import ibhelpers as ib
from ibhelpers._console import printable


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("utf-8", "1 ± ∞ θ²", "1 ± ∞ θ²"),
        ("ascii", "1 ± ∞ θ² − Matérn × Λ", "1 +/- inf theta2 - Matern x lamda"),
        ("latin-1", "1 ± ∞ χ²", "1 ± inf chi²"),
        ("cp1252", "1 ± ∞ – 2", "1 ± inf – 2"),
        ("cp437", "1 ± ∞ θ", "1 ± ∞ theta"),
        ("ascii", "学", "?"),
    ],
)
def test_symbols_are_spelled_out(monkeypatch, encoding, text, expected):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert printable(text) == expected
    print(printable(text))


def test_a_console_without_an_encoding(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert printable("±") == "±"


@pytest.mark.parametrize(("encoding", "sign"), [("ascii", b"+/-"), ("cp1252", b"\xb1")])
def test_everything_that_prints_prints(monkeypatch, encoding, sign):
    """Reprs, and what the checks of exercises say."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(ib.exercises, "_check_of", lambda _: lambda _: ["θ is not χ²_df ∞"])
    print(ib.bounds.Estimate(1.0, 0.1))
    print(ib.tasks.intrinsic_dimension(np.random.default_rng(0).normal(size=(50, 2))))
    ib.check("01.1", 0.0)
    out.flush()
    printed = out.buffer.getvalue()
    assert printed.count(sign) == 2 and b"theta is not chi" in printed and b"_df inf" in printed


@pytest.mark.parametrize("name", ["5.1", "05.01", "exercise 05.1", "5-1"])
def test_an_exercise_that_is_nearly_named(name):
    with pytest.raises(ValueError, match=r"exercise: found .*Did you mean '05\.1'\?"):
        ib.check(name, 1.0)
    with pytest.raises(ValueError, match=r"exercise: found '99.9'; .*\.$"):
        ib.check("99.9", 1.0)
