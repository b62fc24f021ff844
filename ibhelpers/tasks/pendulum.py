"""Imitate the expert that balances a pole on a cart, from what was observed lately."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from .._arguments import generator_of, non_negative, one_of, positive, whole
from ._cartpole import linearised, regulator, step
from .task import Task

QUANTITIES = (
    "position / 0.5 m",
    "velocity / 0.5 m/s",
    "angle / 0.05 rad",
    "angular velocity / 0.2 rad/s",
)
SCALES = np.array([0.5, 0.5, 0.05, 0.2])  # m, m/s, rad, rad/s
FORCE_SCALE = 2.0  # N
START = np.array([1.0, 0.5, 0.2, 0.5])  # m, m/s, rad, rad/s: starts lie within +- these
WATCHED = 2.0  # seconds after the start within which an example begins

_OBSERVED = {"full": [0, 1, 2, 3], "partial": [0, 2]}


def load(
    *,
    n_train: int = 1000,
    n_test: int = 500,
    observations: int = 4,
    observed: str = "full",
    dt: float = 0.02,
    exploration: float = 2.0,
    limit: float | None = None,
    seed: int = 0,
) -> Task:
    """Balance a pole on a cart (inverted pendulum): recent observations to the expert's force.

    The expert is the linear-quadratic regulator of the cart and pole near upright. Each example
    comes from a trajectory of its own: a random start, the expert's force plus exploration noise
    held for dt at a time, and a window of observations that begins at a random moment of the
    first 2 s. The target is the force, without the noise, that the expert chooses at the end of
    the window: a linear function of the last observation, unless the force is limited or the
    velocities are hidden.

    Parameters
    ----------
    n_train, n_test : int
        How many examples of each set.
    observations : int
        T, how many observations an example has, dt apart; at least 1.
    observed : {"full", "partial"}
        All four state variables, or position and angle only, so that velocities have to be
        inferred from at least two observations.
    dt : float
        Seconds for which a force is held; also the Runge-Kutta step.
    exploration : float
        Standard deviation of the noise on the force, in N.
    limit : float, optional
        Largest force in N that a target can be: what a motor too weak for the expert's force would
        apply instead. Trajectories are those of the expert all the same, so that no pole falls.
    seed : int
        Seed of starts, noise and moments.

    Returns
    -------
    Task
        Inputs (n, 4 T) or (n, 2 T), the earliest observation first; targets (n, 1). Divided by
        0.5 m, 0.5 m/s, 0.05 rad, 0.2 rad/s and 2 N, they are of order one.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the expert cannot balance the pole with it.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("pendulum", n_train=100, n_test=50, observations=3, observed="partial")
    >>> task
    Task('pendulum': 100 training and 50 test examples, 6 inputs, 1 output)
    >>> task.input_shape
    (3, 2)
    """
    n_train, n_test = whole("n_train", n_train, at_least=1), whole("n_test", n_test, at_least=1)
    whole("observations", observations, at_least=1)
    seen = _OBSERVED[one_of("observed", observed, _OBSERVED)]
    dt = positive("dt", dt)
    exploration = non_negative("exploration", exploration)
    strongest = np.inf if limit is None else positive("limit", limit)
    _check_balanced(dt)

    rng = generator_of(seed)
    windows = _windows(n_train + n_test, observations, dt, exploration, rng)
    X = (windows / SCALES)[..., seen].reshape(len(windows), -1)
    force = np.clip(-windows[:, -1] @ regulator()[:, None], -strongest, strongest)
    y = force / FORCE_SCALE
    return Task(
        X[:n_train],
        y[:n_train],
        X[n_train:],
        y[n_train:],
        name="pendulum",
        source=f"simulated cart-pole (Florian 2007), linear-quadratic regulator, dt = {dt:g} s, "
        f"exploration {exploration:g} N" + ("" if limit is None else f", limit {limit:g} N"),
        input_shape=(observations, len(seen)),
        scaling="divided by 0.5 m, 0.5 m/s, 0.05 rad, 0.2 rad/s; force by 2 N",
        kind="trajectory",
        input_names=[QUANTITIES[i] for i in seen],
        output_names=["force / 2 N"],
    )


def _windows(
    n: int, observations: int, dt: float, exploration: float, rng: np.random.Generator
) -> Float[np.ndarray, "n observations 4"]:
    """Simulate n trajectories at once, and keep the window of each."""
    gains = regulator()
    state = rng.uniform(-START, START, size=(n, 4))
    first = rng.integers(round(WATCHED / dt) + 1, size=n)
    windows = np.empty((n, observations, 4))
    for now in range(first.max() + observations):
        place = now - first
        watched = np.flatnonzero((place >= 0) & (place < observations))
        windows[watched, place[watched]] = state[watched]
        state = step(state, -state @ gains + exploration * rng.standard_normal(n), dt)
        fallen = np.abs(state[:, 2]) > np.pi / 2
        if fallen.any():
            raise ValueError(
                f"exploration, dt: the pole fell in {fallen.sum()} of {n} trajectories with "
                f"exploration {exploration:g} N and dt {dt:g} s; make them smaller."
            )
    return windows


def _check_balanced(dt: float) -> None:
    """Raise a ValueError if a force held for dt seconds comes too late to keep the pole up."""
    from scipy.linalg import expm

    A, B = linearised()
    held = expm(dt * np.block([[A, B], [np.zeros((1, 5))]]))  # [[A_d, B_d], [0, 1]]
    if np.abs(np.linalg.eigvals(held[:4, :4] - held[:4, 4:] @ regulator()[None])).max() >= 1:
        raise ValueError(
            f"dt: found {dt:g} s, over which a held force lets the pole fall; give at most 0.15 s."
        )
