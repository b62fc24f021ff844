"""The one case in which the law of trained networks is known exactly: affine functions."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor, nn

from .._typed import typed
from ..laws import GeneralizedChi2
from ..spaces import Spectrum
from ..spaces.posterior import EPS, most_alike
from ..tasks import Task
from ._initialisers import Fill
from ._recipe import Recipe
from .space import NetworkSpace

_MOMENTUM = {"sgd": 0.0, "momentum": 0.9, "nesterov": 0.9}


@typed
def linear_law(space: NetworkSpace, task: Task) -> GeneralizedChi2:
    r"""The exact law of the test loss of trained affine functions with normal initial weights.

    With the inputs :math:`\tilde X = (X, 1)` and weights θ of shape (d + 1, k), a step of gradient
    descent on the mean squared error,

    .. math:: \theta \leftarrow \theta
              - \eta \tfrac{2}{nk} \tilde X^T (\tilde X \theta - Y),

    is affine in θ, and so is one with momentum or weight decay. After all of them
    :math:`\theta_T = A \theta_0 + B`, the test outputs are normal with mean and covariance

    .. math:: M = \tilde X_* (A \mu + B), \qquad
              C = \tilde X_* A\, \mathrm{diag}(\sigma^2)\, A^T \tilde X_*^T

    (the same C for every output), and the loss is a generalized chi-squared variable, as that of a
    `GaussianSpace`. With no fewer examples than weights an output, long training leads all
    hypotheses to the same one.

    Parameters
    ----------
    space : NetworkSpace
        Of one `torch.nn.Linear`, such as ``linear(std=0.1)``; by "sgd", "momentum" or "nesterov",
        on the whole training set in every step, to the end, with the loss "mse".
    task : Task
        What to learn.

    Raises
    ------
    ValueError
        If the space is another; the message says in what.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=50, n_test=20)
    >>> space = ib.NetworkSpace(
    ...     ib.networks.linear(std=0.1), optimizer="sgd", lr=0.5, epochs=50, batch_size=None
    ... )
    >>> ib.inductive_bias(ib.networks.linear_law(space, task), target_error=0.03)
    52.2 bits at target error 0.03 (exact)
    """
    options = _momentum_options(space, task)
    layer, fills = _only_layer(space, task)
    X, Y, X_test, Y_test = (
        torch.tensor(a, dtype=torch.float64)
        for a in (task.X_train, task.y_train, task.X_test, task.y_test)
    )
    if layer.bias is not None:
        X, X_test = (torch.cat([x, torch.ones(len(x), 1)], 1) for x in (X, X_test))
    mean, deviation = _initial(layer, fills)
    A, B = _trained(X, Y, space.recipe, **options)
    M = X_test @ (A @ mean + B)
    root = X_test @ (A * deviation)
    spectrum = _spectrum(root, M, most_alike(task.X_test))
    return spectrum.loss_law(Y_test)


def _momentum_options(space: NetworkSpace, task: Task) -> dict[str, float]:
    """The momentum and what belongs to it, or why steps are not affine."""
    recipe = space.recipe
    options = {"momentum": _MOMENTUM.get(recipe.optimizer, 0.0), "dampening": 0.0}
    options["nesterov"] = float(recipe.optimizer == "nesterov")
    unknown = recipe.optimizer_options.keys() - options.keys() - {"fused", "foreach"}
    for found, wanted in (
        (recipe.optimizer not in _MOMENTUM, "optimizer 'sgd', 'momentum' or 'nesterov'"),
        (bool(unknown), "no optimizer_options but momentum, dampening and nesterov"),
        (recipe.loss != "mse", "loss='mse'"),
        (recipe.batch_for(task.n_train) != task.n_train, "batch_size=None"),
        (recipe.stop_at is not None, "no stop_at"),
        (space.max_train_loss is not None, "no max_train_loss"),
    ):
        if found:
            raise _unknown(wanted, space)
    given = {name: float(v) for name, v in recipe.optimizer_options.items() if name in options}
    return options | given


def _unknown(wanted: str, space: NetworkSpace) -> ValueError:
    return ValueError(
        f"space: the law of {space!r} is not known exactly, which takes {wanted}. Ask "
        "ibhelpers.rare_event_bias(space, task, ...) instead, or draw "
        "space.sample_losses(task, n, seed=0)."
    )


def _only_layer(space: NetworkSpace, task: Task) -> tuple[nn.Linear, dict[str, Fill]]:
    """The layer of an affine network, and by which numbers its parameters are filled."""
    weights = space.initial_weights(task)
    network = weights.module(weights.of_first)
    layers = [*network.children()] if type(network) is nn.Sequential else [network]
    if len(layers) != 1 or type(layers[0]) is not nn.Linear:
        raise _unknown("an architecture of one torch.nn.Linear", space)
    layer, fills = layers[0], weights.law()
    if not all(parameter.requires_grad for parameter in layer.parameters()):
        raise _unknown("a layer that is trained, weights and biases", space)
    if weights.direct is None or not all(fill.normal for fill in fills.values()):
        raise _unknown("weights that nn.init.normal_ has drawn", space)
    return layer, {name.rpartition(".")[2]: fill for name, fill in fills.items()}


def _initial(
    layer: nn.Linear, fills: dict[str, Fill]
) -> tuple[Float64[Tensor, "p k"], Float64[Tensor, " p"]]:
    """Mean (p, k) and standard deviation (p,) of the initial weights, those of biases last."""
    means, deviations = [], []
    for name, value in layer.named_parameters():
        value = value.detach().double().reshape(len(value), -1).T  # (d or 1, k)
        fill = fills.get(name)
        means.append(value if fill is None else torch.full_like(value, fill.first))
        deviations.append(value.new_full((len(value),), 0.0 if fill is None else fill.second))
    return torch.cat(means), torch.cat(deviations)


def _trained(
    X: Float64[Tensor, "n p"],
    Y: Float64[Tensor, "n k"],
    recipe: Recipe,
    momentum: float,
    dampening: float,
    nesterov: float,
) -> tuple[Float64[Tensor, "p p"], Float64[Tensor, "p k"]]:
    """A and B of θ_T = A θ_0 + B, by the steps of torch.optim.SGD on both at once."""
    p, scale = X.shape[1], 2 / Y.numel()
    square, at_zero = scale * (X.T @ X), scale * (X.T @ Y)
    constant = torch.cat([torch.zeros_like(square), at_zero], 1)
    theta = torch.cat([torch.eye(p, dtype=X.dtype), torch.zeros_like(at_zero)], 1)
    velocity = None
    for epoch in range(recipe.epochs):
        gradient = square @ theta - constant + recipe.weight_decay * theta
        if velocity is None:
            velocity = gradient.clone()
        else:
            velocity = momentum * velocity + (1 - dampening) * gradient
        step = gradient + momentum * velocity if nesterov else velocity
        theta = theta - recipe.lr_at(epoch / recipe.epochs) * step
    if not bool(theta.isfinite().all()):
        raise ValueError("lr: training diverges, so that no hypothesis is left; give a lower lr.")
    return theta[:, :p], theta[:, p:]


def _spectrum(root: Float64[Tensor, "m p"], mean: Float64[Tensor, "m k"], alike: int) -> Spectrum:
    """Directions in which outputs vary independently, from a root of their covariance."""
    m = len(root)
    directions, singular, _ = torch.linalg.svd(root)
    variance = root.new_zeros(m)
    variance[: len(singular)] = singular.square()
    largest = float(singular.max())
    mean_error, covariance_error = EPS * float(mean.abs().max()), EPS * largest**2
    return Spectrum(
        mean=mean,
        variance=variance.flip(0),
        directions=directions.flip(1),
        resolution=(EPS * sum(root.shape) * largest) ** 2,
        mean_error=mean_error,
        covariance_error=covariance_error,
        mean_error_together=alike**0.5 * mean_error,
        covariance_error_together=alike**0.5 * covariance_error,
        jitter=0.0,
    )
