"""The cart and pole: equations of motion, energy, and the expert that balances the pole.

A state is (x, v, theta, omega): the cart's position in m and velocity in m/s, the pole's angle
from upright in rad, positive towards positive x, and its angular velocity in rad/s. The force on
the cart is in N. There is no friction.

R. V. Florian, "Correct equations for the dynamics of the cart-pole system" (2007).
B. D. O. Anderson, J. B. Moore, "Optimal control: linear quadratic methods" (1990).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

GRAVITY = 9.8  # m/s^2
CART_MASS = 1.0  # kg
POLE_MASS = 0.1  # kg, spread evenly over the pole
HALF_LENGTH = 0.5  # m, from the joint to the pole's centre of mass

TOTAL_MASS = CART_MASS + POLE_MASS
_LEVER = POLE_MASS * HALF_LENGTH  # kg m

# What the expert pays a second: for being 1 m, 1 m/s, 1 rad, 1 rad/s off, squared, and for 1 N.
STATE_COST = np.diag([1.0, 1.0, 10.0, 1.0])
FORCE_COST = np.array([[0.1]])

States = Float[np.ndarray, "*batch 4"]
Forces = Float[np.ndarray, "*batch"]


def derivative(state: States, force: Forces) -> States:
    """Rate of change of the state under a force: Florian's equations without friction."""
    _, v, theta, omega = np.moveaxis(state, -1, 0)
    sin, cos = np.sin(theta), np.cos(theta)
    push = (force + _LEVER * omega**2 * sin) / TOTAL_MASS  # m/s^2
    alpha = (GRAVITY * sin - cos * push) / (
        HALF_LENGTH * (4 / 3 - POLE_MASS * cos**2 / TOTAL_MASS)
    )  # rad/s^2
    return np.stack([v, push - _LEVER * alpha * cos / TOTAL_MASS, omega, alpha], axis=-1)


def energy(state: States) -> Forces:
    """Kinetic and potential energy in J, zero for a pole at rest at the height of its joint."""
    _, v, theta, omega = np.moveaxis(state, -1, 0)
    tip = HALF_LENGTH * omega  # m/s, of the pole's centre about the joint
    kinetic_cart = CART_MASS * v**2 / 2
    # The pole's centre moves with the cart and turns; the pole also spins about its centre.
    kinetic_pole = POLE_MASS * (v**2 + 2 * v * tip * np.cos(theta) + (1 + 1 / 3) * tip**2) / 2
    return kinetic_cart + kinetic_pole + _LEVER * GRAVITY * np.cos(theta)


def step(state: States, force: Forces, dt: float) -> States:
    """The state dt seconds later under a constant force: one classical Runge-Kutta step."""
    k1 = derivative(state, force)
    k2 = derivative(state + dt / 2 * k1, force)
    k3 = derivative(state + dt / 2 * k2, force)
    k4 = derivative(state + dt * k3, force)
    return state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def linearised() -> tuple[Float[np.ndarray, "4 4"], Float[np.ndarray, "4 1"]]:
    """A and B of d state/dt = A state + B force for a pole that is nearly upright."""
    turn = HALF_LENGTH * (4 / 3 - POLE_MASS / TOTAL_MASS)  # m
    A = np.zeros((4, 4))
    A[0, 1] = A[2, 3] = 1
    A[3, 2] = GRAVITY / turn
    A[1, 2] = -_LEVER * GRAVITY / (turn * TOTAL_MASS)
    B = np.zeros((4, 1))
    B[3, 0] = -1 / (turn * TOTAL_MASS)
    B[1, 0] = (1 - _LEVER * B[3, 0]) / TOTAL_MASS
    return A, B


def regulator() -> Float[np.ndarray, " 4"]:
    """Gains K of the expert, force = -K state: the linear-quadratic regulator.

    It minimises the integral of state' Q state + force' R force for the linearised system, with
    Q = STATE_COST and R = FORCE_COST; P solves the algebraic Riccati equation and K = R^-1 B' P.
    """
    from scipy.linalg import solve_continuous_are

    A, B = linearised()
    P = solve_continuous_are(A, B, STATE_COST, FORCE_COST)
    return np.linalg.solve(FORCE_COST, B.T @ P)[0]
