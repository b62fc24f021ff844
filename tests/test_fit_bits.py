"""The space that asks for the fewest bits on validation data."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

import ibhelpers as ib
from ibhelpers.kernels import RBF, Matern


def some_data(n=60, m=40, k=2, seed=0):
    r = np.random.default_rng(seed)
    X, a = r.standard_normal((n + 2 * m, 2)), r.standard_normal((2, k))
    y = np.sin(2 * X @ a) + 0.1 * r.standard_normal((n + 2 * m, k))
    task = ib.Task(X[:n], y[:n], X[n + m :], y[n + m :])
    return task, (X[n : n + m], y[n : n + m])


def bits_of(space, task, validation, target):
    judged = ib.Task(task.X_train, task.y_train, *validation)
    return ib.inductive_bias(space.loss_law(judged), target).bits


def test_no_space_nearby_asks_for_fewer_bits():
    task, validation = some_data()
    given = {"criterion": "bits", "validation": validation, "target_error": 0.012}
    space = ib.GaussianSpace.fit(task, **given)
    assert space.choice.criterion == "bits"
    assert space.choice.value == pytest.approx(bits_of(space, task, validation, 0.012), rel=1e-9)
    evidence = ib.GaussianSpace.fit(task)
    assert space.choice.starts == pytest.approx([bits_of(evidence, task, validation, 0.012)])
    assert space.choice.value < space.choice.starts[0] - 1

    def bits(logs):
        amplitude, lengthscale, noise = np.exp(logs)
        other = ib.GaussianSpace(amplitude * RBF(lengthscale), noise=noise)
        return bits_of(other, task, validation, 0.012)

    start = np.log([space.choice.amplitude, space.choice.kernel.lengthscale, space.noise])
    best = optimize.minimize(bits, start, method="Nelder-Mead", options={"maxfev": 60})
    assert best.fun > space.choice.value - 0.05
    assert "bits on the validation data" in repr(space.choice)


def test_the_test_data_are_not_seen():
    task, validation = some_data(n=30, m=20)
    given = {"criterion": "bits", "validation": validation, "target_error": 0.02}
    spaces = [
        ib.GaussianSpace.fit(other, **given)
        for other in (task, replace(task, X_test=task.X_test[:5] + 9, y_test=-task.y_test[:5]))
    ]
    assert repr(spaces[0]) == repr(spaces[1])
    assert spaces[0].choice.value == spaces[1].choice.value
    other = (validation[0], validation[1][::-1])  # it is the validation data that it sees
    assert repr(ib.GaussianSpace.fit(task, **given | {"validation": other})) != repr(spaces[0])


def test_what_is_held_stays():
    task, validation = some_data(n=30, m=20)
    given = {"criterion": "bits", "validation": validation, "target_error": 0.02}
    space = ib.GaussianSpace.fit(task, Matern(0.7), noise=0.02, hold="kernel", **given)
    assert space.noise == 0.02
    assert space.choice.kernel == Matern(0.7)
    assert space.choice.value < space.choice.starts[0]
    space = ib.GaussianSpace.fit(task, amplitude=0.5, **given)
    assert space.choice.amplitude == pytest.approx(0.5, rel=1e-12)


def test_what_cannot_be_chosen_is_refused():
    task, (X, y) = some_data(n=20, m=10)
    fit = ib.GaussianSpace.fit
    with pytest.raises(ValueError, match="validation: found nothing with criterion='bits'"):
        fit(task, criterion="bits", target_error=0.1)
    with pytest.raises(ValueError, match="target_error: found nothing with criterion='bits'"):
        fit(task, criterion="bits", validation=(X, y))
    with pytest.raises(ValueError, match="validation: found a value with criterion='evidence'"):
        fit(task, validation=(X, y))
    with pytest.raises(ValueError, match="target_error: found a value with criterion"):
        fit(task, criterion="leave_one_out", target_error=0.1)
    given = {"criterion": "bits", "target_error": 0.1}
    with pytest.raises(ValueError, match="validation: found tuple of length 1"):
        fit(task, validation=(X,), **given)
    with pytest.raises(ValueError, match=r"validation: validation\[0\]"):
        fit(task, validation=(X[:, :1], y), **given)
    with pytest.raises(ValueError, match=r"validation: validation\[1\]: found"):
        fit(task, validation=(X, y + np.nan), **given)
    with pytest.raises(ValueError, match="criterion: found 'bit'"):
        fit(task, criterion="bit")
    with pytest.raises(ValueError, match=r"target_error: found -0\.1"):
        fit(task, validation=(X, y), **given | {"target_error": -0.1})
