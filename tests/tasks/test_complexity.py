"""Complexity of Boolean functions, against definitions taken literally and known functions."""

import itertools

import numpy as np
import pytest

from ibhelpers.tasks import complexity, lempel_ziv


def corners(n):
    return np.array(list(itertools.product([-1, 1], repeat=n)))


def by_definition(f, n):
    X = corners(n)
    subsets = [S for size in range(n + 1) for S in itertools.combinations(range(n), size)]
    products = {S: X[:, list(S)].prod(1) for S in subsets}
    coefficients = {S: (f * product).mean() for S, product in products.items()}
    present = [S for S, a in coefficients.items() if a]
    at = {tuple(x): value for x, value in zip(X, f, strict=True)}
    flips = [at[tuple(x)] != at[tuple(x * s)] for x in X for s in 1 - 2 * np.eye(n, dtype=int)]
    # Modulo 2: the coefficient of S is the sum of the values at all corners below S.
    binary = [
        S
        for S in subsets
        if sum(f[i] > 0 for i, x in enumerate(X) if set(np.flatnonzero(x > 0)) <= set(S)) % 2
    ]
    return {
        "degree": max(map(len, present)),
        "terms": len(present),
        "sensitivity": np.mean(flips) * n,
        "binary_degree": max(map(len, binary), default=0),
    }


def words(text):
    """Lempel and Ziv's words, from the set of all that occurred before."""
    found, start = 0, 0
    while start < len(text):
        end = start + 1
        while end < len(text):
            before = {text[i:j] for i in range(end) for j in range(i + 1, end)}
            if text[start:end] not in before:
                break
            end += 1
        found, start = found + 1, end
    return found


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_as_defined(n):
    rng = np.random.default_rng(n)
    functions = rng.choice([-1, 1], (6, 2**n))
    found = complexity(functions)
    for i, f in enumerate(functions):
        for name, value in by_definition(f, n).items():
            assert found[name][i] == pytest.approx(value), (name, f)


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_known_functions(n):
    X = corners(n)
    constant, parity, first, both = (
        {name: float(value) for name, value in complexity(f).items()}
        for f in (np.ones(2**n), X.prod(1), X[:, 0], X.min(1))
    )
    assert constant["sensitivity"] == constant["degree"] == constant["binary_degree"] == 0
    assert constant["lempel_ziv"] == n and constant["terms"] == 1
    assert parity["degree"] == parity["sensitivity"] == n
    assert parity["terms"] == parity["binary_degree"] == 1
    assert first["degree"] == first["sensitivity"] == first["terms"] == 1
    assert both["degree"] == both["binary_degree"] == n and both["terms"] == 2**n
    assert both["sensitivity"] == pytest.approx(n * 2 / 2**n)  # n edges into one corner
    if n % 2:  # majority: the edges between the two middle layers
        from math import comb

        majority = complexity(X.sum(1))
        assert majority["sensitivity"] == pytest.approx(n * comb(n - 1, n // 2) / 2 ** (n - 1))
        assert majority["degree"] == n


def test_shapes_and_the_negative():
    functions = np.random.default_rng(0).choice([-1.0, 1.0], (2, 3, 8))
    found, negative = complexity(functions), complexity(-2 * functions)
    assert all(value.shape == (2, 3) for value in found.values())
    for name in ("lempel_ziv", "degree", "terms", "sensitivity"):
        np.testing.assert_array_equal(found[name], negative[name])


def test_the_example_of_lempel_and_ziv():
    """0 001 10 100 1000 101, in their section II."""
    text = "0001101001000101"
    signs = [1 if c == "1" else -1 for c in text]
    assert words(text) == 6
    assert lempel_ziv(signs) == pytest.approx(4 * (6 + words(text[::-1])) / 2)


@pytest.mark.parametrize("seed", range(30))
def test_words_by_another_way(seed):
    rng = np.random.default_rng(seed)
    text = "".join(rng.choice(["0", "1"], int(rng.integers(3, 25)), p=[0.7, 0.3]))
    if len(set(text)) == 2:
        expected = np.log2(len(text)) * (words(text) + words(text[::-1])) / 2
        assert lempel_ziv([1 if c == "1" else -1 for c in text]) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [[1, -1, 0, 1], [1, -1, 1], [1], 1.0, [1, np.nan]])
def test_what_is_refused(bad):
    with pytest.raises(ValueError, match="functions: found shape"):
        complexity(bad)


@pytest.mark.parametrize("bad", [[1, 0], [1], [[1, -1]], 3.0])
def test_what_lempel_ziv_refuses(bad):
    with pytest.raises(ValueError, match="signs: found shape"):
        lempel_ziv(bad)
