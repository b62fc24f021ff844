"""The cart and pole obey mechanics, the expert is optimal, and examples are what they say."""

import itertools

import gymnasium
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import solve_continuous_lyapunov

from ibhelpers import tasks
from ibhelpers.tasks import _cartpole as cartpole
from ibhelpers.tasks import pendulum

SCALES = [0.5, 0.5, 0.05, 0.2]  # as the docstring of the loader states them
FORCE_SCALE = 2.0


@pytest.mark.parametrize("start", [[0, 0, 0.3, 0], [1, -2, 3.0, 1], [0, 1.5, -1.2, 4]])
def test_energy_is_conserved_without_force(start):
    solution = solve_ivp(
        lambda t, state: cartpole.derivative(state, np.array(0.0)),
        (0, 10),
        np.array(start, float),
        method="DOP853",
        rtol=1e-12,
        atol=1e-12,
    )
    energy = cartpole.energy(solution.y.T)
    assert abs(energy - energy[0]).max() < 1e-8  # J
    assert np.ptp(solution.y[2]) > 0.5  # rad: the pole did swing


def test_a_force_does_work_at_the_cart():
    """Energy grows by the integral of force times the cart's velocity."""

    def with_work(t, state):
        force = np.array(3 * np.cos(2 * t))
        return np.append(cartpole.derivative(state[:4], force), force * state[1])

    start = [0, 0.5, 0.4, -1, 0]
    solution = solve_ivp(with_work, (0, 5), start, method="DOP853", rtol=1e-12, atol=1e-12)
    energy = cartpole.energy(solution.y[:4].T)
    np.testing.assert_allclose(energy - energy[0], solution.y[4], atol=1e-8)


def test_one_step_of_gymnasiums_cartpole():
    """CartPole-v1 pushes with 10 N to the left or right and takes Euler steps of 0.02 s."""
    environment = gymnasium.make("CartPole-v1").unwrapped
    environment.reset(seed=0)
    states = np.random.default_rng(0).uniform(-1, 1, size=(50, 4)) * [2, 2, 0.2, 3]
    for state, action in itertools.product(states, (0, 1)):
        environment.state, environment.steps_beyond_terminated = tuple(state), None
        environment.step(action)
        force = np.array(10.0 if action else -10.0)
        euler = state + 0.02 * cartpole.derivative(state, force)
        np.testing.assert_allclose(environment.state, euler, rtol=1e-13, atol=1e-14)


def test_runge_kutta_step_has_order_four():
    state, force = np.array([0.1, -0.5, 0.2, 1.0]), np.array(3.0)
    exact = solve_ivp(
        lambda t, s: cartpole.derivative(s, force), (0, 0.2), state, rtol=1e-12, atol=1e-13
    ).y[:, -1]
    errors = []
    for n in (8, 16):
        stepped = state
        for _ in range(n):
            stepped = cartpole.step(stepped, force, 0.2 / n)
        errors.append(abs(stepped - exact).max())
    assert 12 < errors[0] / errors[1] < 22  # 16 when the step is halved


def test_linearised_system_against_differences():
    A, B = cartpole.linearised()
    h = 1e-5
    for i, column in enumerate(np.eye(4)):
        rise = cartpole.derivative(h * column, np.array(0.0))
        fall = cartpole.derivative(-h * column, np.array(0.0))
        np.testing.assert_allclose(A[:, i], (rise - fall) / (2 * h), atol=1e-8)
    rise, fall = (cartpole.derivative(np.zeros(4), np.array(f)) for f in (h, -h))
    np.testing.assert_allclose(B[:, 0], (rise - fall) / (2 * h), atol=1e-8)


def test_the_regulator_is_optimal():
    """No other gains cost less, averaged over starts; the cost is a Lyapunov equation's."""
    A, B = cartpole.linearised()

    def cost(gains):
        closed = A - B @ gains[None]
        assert np.linalg.eigvals(closed).real.max() < 0
        running = cartpole.STATE_COST + gains[:, None] @ cartpole.FORCE_COST @ gains[None]
        return np.trace(solve_continuous_lyapunov(closed.T, -running))

    best = cartpole.regulator()
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(20):
            assert cost(best * (1 + size * rng.standard_normal(4))) > cost(best)


def test_the_expert_balances_from_the_whole_start_region():
    corners = np.array(list(itertools.product([-1, 1], repeat=4))) * pendulum.START
    inside = np.random.default_rng(0).uniform(-pendulum.START, pendulum.START, size=(1000, 4))
    state, gains = np.concatenate([corners, inside]), cartpole.regulator()
    steepest = 0.0
    for _ in range(500):  # 10 s
        state = cartpole.step(state, -state @ gains, 0.02)
        steepest = max(steepest, abs(state[:, 2]).max())
    assert steepest < 0.3  # rad
    assert abs(state).max() < 1e-3


def test_targets_are_the_experts_forces():
    task = tasks.load("pendulum", n_train=200, n_test=100, observations=3)
    for X, y in ((task.X_train, task.y_train), (task.X_test, task.y_test)):
        last = X.reshape(-1, 3, 4)[:, -1] * SCALES
        np.testing.assert_allclose(y[:, 0] * FORCE_SCALE, -last @ cartpole.regulator(), rtol=1e-12)
    assert task.input_shape == (3, 4) and task.kind == "trajectory"
    assert 0.3 < task.X_train.std() < 3 and 0.3 < task.y_train.std() < 3


def test_a_limited_force_is_the_experts_up_to_the_limit():
    """Nothing else changes: the same trajectories, and the same targets where they are small."""
    free, weak = (tasks.load("pendulum", n_train=200, n_test=100, limit=x) for x in (None, 0.6))
    np.testing.assert_array_equal(weak.X_train, free.X_train)
    np.testing.assert_array_equal(weak.X_test, free.X_test)
    for limited, y in ((weak.y_train, free.y_train), (weak.y_test, free.y_test)):
        small = abs(y) * FORCE_SCALE <= 0.6
        assert 0.2 < small.mean() < 0.8
        np.testing.assert_array_equal(limited[small], y[small])
        np.testing.assert_allclose(limited[~small], np.sign(y[~small]) * 0.6 / FORCE_SCALE)
    assert "limit 0.6 N" in weak.source and "limit" not in free.source


def test_observations_follow_one_another():
    """Without noise, integrating the expert's closed loop leads from each to the next."""
    task = tasks.load("pendulum", n_train=20, n_test=1, observations=5, exploration=0.0, dt=0.03)
    for window in task.X_train.reshape(-1, 5, 4) * SCALES:
        for before, after in itertools.pairwise(window):
            force = np.array(-cartpole.regulator() @ before)  # held for dt
            integrated = solve_ivp(
                lambda t, s, f=force: cartpole.derivative(s, f), (0, 0.03), before, rtol=1e-10
            ).y[:, -1]
            np.testing.assert_allclose(after, integrated, atol=1e-5)


def test_exploration_noise_has_the_size_asked_for():
    """One step's departure from the noiseless step, in units of what 1 N does."""
    task = tasks.load("pendulum", n_train=4000, n_test=1, observations=2, exploration=1.5)
    before, after = np.moveaxis(task.X_train.reshape(-1, 2, 4) * SCALES, 1, 0)
    expert = -before @ cartpole.regulator()
    without = cartpole.step(before, expert, 0.02)
    per_newton = cartpole.step(before, expert + 1, 0.02) - without
    noise = ((after - without) / per_newton)[:, 1]
    assert abs(noise.mean()) < 4 * 1.5 / np.sqrt(4000)
    assert abs(noise.std() - 1.5) < 4 * 1.5 / np.sqrt(2 * 4000)


def test_partial_observations_are_position_and_angle():
    full = tasks.load("pendulum", n_train=50, n_test=20, observations=4, seed=5)
    partial = tasks.load(
        "pendulum", n_train=50, n_test=20, observations=4, observed="partial", seed=5
    )
    assert partial.input_shape == (4, 2)
    seen = full.X_train.reshape(-1, 4, 4)[:, :, [0, 2]]
    np.testing.assert_array_equal(partial.X_train, seen.reshape(50, -1))
    np.testing.assert_array_equal(partial.y_train, full.y_train)


def test_seeds():
    first, again, other = (
        tasks.load("pendulum", n_train=20, n_test=10, seed=seed).X_train for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observations": 0}, "observations: found 0; give a whole number of at least 1"),
        (
            {"observed": "ful"},
            "observed: found 'ful'; known are full, partial. Did you mean 'full'",
        ),
        ({"dt": 0.0}, "dt: found 0.0; give a positive, finite number"),
        ({"dt": float("nan")}, "dt: found nan"),
        ({"dt": 0.5}, "dt: found 0.5 s, over which a held force lets the pole fall"),
        ({"exploration": -1.0}, "exploration: found -1.0; give a finite number of at least 0"),
        ({"exploration": 500.0}, "exploration, dt: the pole fell in .* trajectories"),
        ({"limit": 0.0}, "limit: found 0.0; give a positive, finite number"),
        ({"n_train": 0}, "n_train: found 0"),
        ({"n_test": 0}, "n_test: found 0"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        tasks.load("pendulum", **options)
