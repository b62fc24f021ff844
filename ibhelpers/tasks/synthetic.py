"""A known teacher on inputs of a chosen dimension, so that dimension alone can vary."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from .._arguments import generator_of, non_negative, one_of, whole
from .task import Task

WIDTH = 64  # hidden units of the network teacher
JITTER = 1e-10  # added to the prior variance of 1, so that the covariance can be factored

Inputs = Float[np.ndarray, "n d"]
Outputs = Float[np.ndarray, "n k"]


def load(
    *,
    n_train: int = 500,
    n_test: int = 500,
    intrinsic: int = 2,
    ambient: int = 20,
    teacher: str = "network",
    outputs: int = 1,
    noise: float = 0.01,
    seed: int = 0,
) -> Task:
    """A random teacher on inputs of chosen intrinsic dimension, with label noise; made here.

    Inputs are x = E z with z normal in d dimensions, of variance 1/d each, and E a random D x d
    matrix with orthonormal columns. So ‖x‖^2 is 1 on average and two inputs are sqrt(2) apart on
    average, whatever d and D are. Targets have mean 0 and variance 1 before
    the noise: over the inputs for a network, over the draws for a Gaussian process.

    Parameters
    ----------
    n_train, n_test : int
        Sizes of the two sets.
    intrinsic : int
        d, the dimension in which the inputs vary.
    ambient : int
        D, the number of inputs, at least d.
    teacher : {"network", "gp"}
        A random network with one hidden layer of 64 tanh units; or a draw from the Gaussian
        process with covariance exp(-‖x - x'‖^2 / 2), for up to 10,000 examples.
    outputs : int
        k, the number of targets.
    noise : float
        Variance of the normal noise on the targets of both sets, as of a `GaussianSpace`.
    seed : int
        Seed of everything; the teacher, the embedding and the data have streams of their own.

    Returns
    -------
    Task
        Inputs (n, D), targets (n, k).

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> ib.tasks.load("synthetic", n_train=200, n_test=100, intrinsic=3, ambient=10)
    Task('synthetic': 200 training and 100 test examples, 10 inputs, 1 output)
    """
    n_train, n_test = whole("n_train", n_train, at_least=1), whole("n_test", n_test, at_least=1)
    d = whole("intrinsic", intrinsic, at_least=1)
    D = whole("ambient", ambient, at_least=d)
    k = whole("outputs", outputs, at_least=1)
    noise = non_negative("noise", noise)
    draw_teacher = _TEACHERS[one_of("teacher", teacher, _TEACHERS)]

    of_inputs, of_embedding, of_teacher, of_noise = generator_of(seed).spawn(4)
    n = n_train + n_test
    z = of_inputs.standard_normal((n, d)) / np.sqrt(d)
    E = np.linalg.qr(of_embedding.standard_normal((D, d))).Q
    y = draw_teacher(z, k, of_teacher) + np.sqrt(noise) * of_noise.standard_normal((n, k))
    X = z @ E.T
    return Task(
        X[:n_train],
        y[:n_train],
        X[n_train:],
        y[n_train:],
        name="synthetic",
        source=f"simulated: {teacher} teacher on {d} of {D} dimensions, noise variance {noise:g}",
        scaling="inputs of mean square 1 in total, targets of variance 1 before the noise",
    )


def _network(z: Inputs, k: int, rng: np.random.Generator) -> Outputs:
    """Outputs of a random network, of mean 0 and variance 1 over the inputs' distribution."""
    d = z.shape[1]
    W, b = 2 * rng.standard_normal((d, WIDTH)), rng.standard_normal(WIDTH)
    V = rng.standard_normal((WIDTH, k))

    def network(z: Inputs) -> Outputs:
        return np.tanh(z @ W + b) @ V

    typical = network(rng.standard_normal((10_000, d)) / np.sqrt(d))
    return (network(z) - typical.mean(axis=0)) / typical.std(axis=0)


def _gaussian_process(z: Inputs, k: int, rng: np.random.Generator) -> Outputs:
    """A draw at these inputs from the process with covariance exp(-|z - z'|^2 / 2)."""
    from scipy.spatial.distance import cdist

    if len(z) > 10_000:
        raise ValueError(
            f"n_train + n_test: asked for {len(z):,} examples, but a Gaussian process is drawn at "
            "10,000 at most (the covariance grows with the square); ask for fewer, or use "
            "teacher='network'."
        )
    covariance = np.exp(-cdist(z, z, "sqeuclidean") / 2)
    covariance[np.diag_indices(len(z))] += JITTER
    return np.linalg.cholesky(covariance) @ rng.standard_normal((len(z), k))


_TEACHERS: dict[str, Callable[[Inputs, int, np.random.Generator], Outputs]] = {
    "network": _network,
    "gp": _gaussian_process,
}
