"""Networks trained side by side are the networks that a plain loop trains one after another.

The loop shares no code with the engine; see `tests/plain_loop.py`.
"""

import math
import pickle

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import ibhelpers as ib
from ibhelpers import networks
from ibhelpers.networks import _training as training
from ibhelpers.networks._randomness import order_of, weights_of
from ibhelpers.networks._stack import Stack
from tests.plain_loop import OPTIMIZERS, initial, plain_loop

torch.set_num_threads(1)
F64 = torch.float64


@pytest.fixture(scope="module")
def digits():
    return ib.tasks.load("digits", n_train=50, n_test=30)


@pytest.fixture(scope="module")
def small():
    return ib.tasks.load("synthetic", n_train=23, n_test=11, intrinsic=3, ambient=5, outputs=2)


def trained_stack(architecture, task, count, *, dtype=F64, **settings):
    recipe = ib.NetworkSpace(architecture, dtype=dtype, **settings).recipe
    learn, test = (
        training.examples(task, p, torch.device("cpu"), dtype) for p in ("train", "test")
    )

    def build():
        for i in range(count):
            with weights_of(0, i):
                yield architecture(task)

    stack = Stack(build(), count, torch.device("cpu"), dtype)
    columns = training.train(
        stack,
        learn,
        test,
        recipe,
        [order_of(0, i) for i in range(count)],
        rows=7,
        curves=True,
    )
    return stack, columns


def assert_equal_weights(stack, nets, rtol=1e-6, atol=1e-9):
    stacked = stack.parameters()
    for i, net in enumerate(nets):
        for name, value in net.named_parameters():
            torch.testing.assert_close(stacked[name][i], value, rtol=rtol, atol=atol)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_optimizer_gives_the_weights_of_the_plain_loop(small, optimizer):
    mlp, settings = networks.mlp(width=6, depth=2, activation="tanh"), {"epochs": 4}
    settings |= {"optimizer": optimizer, "lr": 0.01, "batch_size": 5, "weight_decay": 0.1}
    nets, curves = zip(*(plain_loop(mlp, small, i, **settings) for i in range(3)), strict=True)
    stack, columns = trained_stack(mlp, small, 3, **settings)
    assert_equal_weights(stack, nets)
    np.testing.assert_allclose(columns["train_curve"], curves, rtol=1e-6)


@pytest.mark.parametrize(
    "architecture",
    [
        networks.linear(),
        networks.mlp(width=5, depth=0),
        networks.mlp(width=5, depth=1, activation="silu"),
        networks.mlp(width=5, depth=2, parameterisation="ntk"),
        networks.mlp(width=5, depth=2, train="readout"),
        networks.cnn(channels=(2, 3), activation="gelu"),
        networks.cnn(channels=(2,), parameterisation="ntk"),
        networks.vit(patch=4, dim=8, depth=1, heads=2),
        networks.resnet(channels=3, blocks=1),
    ],
    ids=repr,
)
def test_each_architecture_gives_the_weights_of_the_plain_loop(digits, architecture):
    settings = {"epochs": 2, "batch_size": 10, "lr": 0.003}
    nets = [plain_loop(architecture, digits, i, **settings)[0] for i in range(2)]
    stack, columns = trained_stack(architecture, digits, 2, **settings)
    assert_equal_weights(stack, nets)
    X, y = torch.tensor(digits.X_test), torch.tensor(digits.y_test)
    for i, net in enumerate(nets):
        outputs = net(X).detach()
        assert columns["test_loss"][i] == pytest.approx(((outputs - y) ** 2).mean().item(), 1e-6)
        wrong = (outputs.argmax(1).numpy() != digits.labels_test).mean()
        assert columns["test_error_rate"][i] == pytest.approx(wrong)


def test_gradients_of_identical_weights_are_equal(digits):
    mlp = networks.mlp(width=16)
    nets = [initial(mlp, digits, i) for i in range(4)]
    stack = Stack(iter(nets), 4, torch.device("cpu"), F64)
    X, y = torch.tensor(digits.X_train), torch.tensor(digits.y_train)
    gradients = torch.autograd.grad(((stack(X) - y) ** 2).mean((1, 2)).sum(), stack.leaves)
    for i, net in enumerate(nets):
        nn.functional.mse_loss(net(X), y).backward()
        for gradient, p in zip(gradients, net.parameters(), strict=True):
            ours = gradient[i] if gradient[i].shape == p.shape else gradient[i].T
            if p.dim() == 2 and p.shape[0] == p.shape[1]:
                ours = gradient[i].T  # square weights are held transposed too
            torch.testing.assert_close(ours, p.grad, rtol=1e-9, atol=1e-12)


def test_schedule_cross_entropy_and_decoupled_decay(digits):
    settings = {"optimizer": "adamw", "lr": 0.01, "epochs": 3, "batch_size": 12}
    mlp = networks.mlp(width=8, depth=1)
    stack, columns = trained_stack(
        mlp, digits, 2, **settings, schedule="cosine", loss="cross_entropy", weight_decay=0.05
    )
    nets, curves = zip(
        *(
            plain_loop(
                mlp,
                digits,
                i,
                **settings,
                weight_decay=0.05,
                loss=nn.functional.cross_entropy,
                factor=lambda progress: (1 + math.cos(math.pi * progress)) / 2,
            )
            for i in range(2)
        ),
        strict=True,
    )
    assert_equal_weights(stack, nets)
    np.testing.assert_allclose(columns["train_curve"], curves, rtol=1e-6)


def test_early_stop_leaves_each_network_where_the_plain_loop_stops(small):
    settings = {"lr": 0.02, "epochs": 12, "batch_size": 8, "optimizer": "adam"}
    mlp = networks.mlp(width=8, depth=1)
    losses = [plain_loop(mlp, small, i, **settings)[1] for i in range(6)]
    limit = float(np.median([curve[6] for curve in losses]))  # some stop, at different epochs
    curves = [plain_loop(mlp, small, i, **settings, stop_at=limit)[1] for i in range(6)]
    lengths = [len(curve) for curve in curves]
    assert len(set(lengths)) > 2
    for with_curves in (True, False):
        space = ib.NetworkSpace(mlp, **settings, stop_at=limit, dtype=F64)
        ensemble = space.train(small, 6, curves=with_curves, seed=0)
        np.testing.assert_array_equal(ensemble.epochs, lengths)
        np.testing.assert_allclose(ensemble.train_loss, [c[-1] for c in curves], rtol=1e-6)
    padded = [curve + [curve[-1]] * (12 - len(curve)) for curve in curves]
    curve = space.train(small, 6, seed=0).train_curve
    np.testing.assert_allclose(curve, padded, rtol=1e-6)


def test_final_losses_have_the_law_of_the_plain_loop(small):
    """Two-sample Kolmogorov-Smirnov test on different hypotheses; fails for 1 seed in 1000."""
    settings = {"lr": 0.01, "epochs": 5, "batch_size": 8}
    mlp = networks.mlp(width=4, depth=1)
    plain = [plain_loop(mlp, small, i, seed=1, **settings)[1][-1] for i in range(120)]
    ours = ib.NetworkSpace(mlp, **settings).train(small, 600, seed=2).train_loss
    assert stats.ks_2samp(plain, ours).pvalue > 1e-3


def test_hypothesis_i_is_a_function_of_the_seed_and_i(digits):
    def train(n, chunk, seed=0, dtype=F64):
        space = ib.NetworkSpace(
            networks.mlp(width=8), epochs=3, batch_size=7, chunk=chunk, dtype=dtype
        )
        return space.train(digits, n, seed=seed, outputs=True)

    whole = train(7, 7)
    for other in (train(7, 1), train(7, 3), train(7, "auto"), train(9, 4)):
        np.testing.assert_allclose(other.outputs[:7], whole.outputs, rtol=1e-8, atol=1e-10)
        np.testing.assert_array_equal(other.test_error_rate[:7], whole.test_error_rate)
    np.testing.assert_array_equal(train(7, 7).outputs, whole.outputs)  # to the bit
    assert not np.isclose(train(7, 7, seed=1).test_loss, whole.test_loss).any()
    assert len(set(whole.test_loss)) == 7
    singles = train(7, 7, dtype=torch.float32), train(7, 2, dtype=torch.float32)
    np.testing.assert_allclose(singles[0].test_loss, singles[1].test_loss, rtol=1e-4)
    np.testing.assert_allclose(singles[0].test_loss, whole.test_loss, rtol=1e-4)


def test_torch_global_stream_is_left_alone(small):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    ib.NetworkSpace(networks.linear(), epochs=1, batch_size=5).train(small, 3, seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_whole_set_in_every_step(small):
    settings = {"epochs": 5, "lr": 0.01}
    plain = [plain_loop(networks.mlp(6), small, i, batch_size=23, **settings)[1] for i in range(2)]
    for batch_size in (None, 23):
        space = ib.NetworkSpace(networks.mlp(6), batch_size=batch_size, dtype=F64, **settings)
        np.testing.assert_allclose(space.train(small, 2, seed=0).train_curve, plain, rtol=1e-6)


class RandomFeatures(nn.Module):
    """A frozen hidden layer, a buffer and a matrix used untransposed: anything a user may write."""

    def __init__(self, task):
        super().__init__()
        self.features = nn.Linear(task.n_inputs, 9).requires_grad_(False)
        self.register_buffer("scale", torch.rand(9))
        self.readout = nn.Parameter(torch.randn(9, task.n_outputs))

    def forward(self, x):
        return (torch.relu(self.features(x)) * self.scale) @ self.readout


def test_a_module_of_ones_own_with_frozen_parameters_and_buffers(small):
    settings = {"epochs": 3, "batch_size": 6, "lr": 0.01}
    nets, curves = zip(
        *(plain_loop(RandomFeatures, small, i, **settings) for i in range(3)), strict=True
    )
    stack, columns = trained_stack(RandomFeatures, small, 3, **settings)
    assert_equal_weights(stack, nets)
    np.testing.assert_allclose(columns["train_curve"], curves, rtol=1e-6)


@pytest.mark.parametrize(
    "architecture",
    [
        networks.linear(),
        networks.mlp(width=6, depth=2, activation="gelu"),
        networks.mlp(width=6, train="readout"),
        lambda task: nn.Sequential(nn.Linear(task.n_inputs, task.n_outputs, bias=False), nn.Tanh()),
    ],
    ids=["linear", "mlp", "readout", "no bias"],
)
def test_layer_by_layer_is_what_vmap_computes(architecture, small):
    X = torch.tensor(np.random.default_rng(0).normal(size=(3, 5, small.n_inputs)))

    def outputs_and_gradients(layers):
        torch.manual_seed(0)
        stack = Stack((architecture(small) for _ in range(3)), 3, torch.device("cpu"), F64)
        assert stack._layers
        stack._layers = stack._layers if layers else []
        outputs = stack(X)
        return outputs, *torch.autograd.grad(outputs.square().sum(), stack.leaves)

    for one, other in zip(*map(outputs_and_gradients, (True, False)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_hooks_are_heeded(small):
    def doubled(task):
        network = nn.Sequential(nn.Linear(task.n_inputs, task.n_outputs))
        network[0].register_forward_hook(lambda module, args, output: 2 * output)
        return network

    settings = {"epochs": 2, "batch_size": 6, "lr": 0.01}
    plain = [plain_loop(doubled, small, i, **settings)[1] for i in range(2)]
    curves = ib.NetworkSpace(doubled, dtype=F64, **settings).train(small, 2, seed=0).train_curve
    np.testing.assert_allclose(curves, plain, rtol=1e-6)


class Tied(nn.Sequential):
    """One layer, used twice."""

    def __init__(self, task):
        twice = nn.Linear(9, 9)
        super().__init__(
            nn.Linear(task.n_inputs, 9), twice, nn.Tanh(), twice, nn.Linear(9, task.n_outputs)
        )


def test_a_layer_that_is_used_twice(small):
    settings = {"epochs": 3, "batch_size": 6, "lr": 0.01}
    plain = [plain_loop(Tied, small, i, **settings)[1] for i in range(3)]
    curves = ib.NetworkSpace(Tied, dtype=F64, **settings).train(small, 3, seed=0).train_curve
    np.testing.assert_allclose(curves, plain, rtol=1e-6)


def test_error_rates_are_counts_over_counts(digits):
    space = ib.NetworkSpace(networks.linear(), epochs=1, batch_size=10)
    ensemble = space.train(digits, 40, outputs=True, seed=0)
    wrong = (ensemble.outputs.argmax(2) != digits.labels_test).sum(1)
    np.testing.assert_array_equal(
        ensemble.test_error_rate, wrong / 30
    )  # to the bit, as targets are
    np.testing.assert_array_equal(
        space.sample_losses(digits, 40, seed=0, loss="zero_one"), wrong / 30
    )


def test_the_default_type_of_torch_changes_nothing(digits):
    space = ib.NetworkSpace(networks.mlp(width=8), epochs=1, batch_size=10)
    expected = space.train(digits, 2, seed=0).test_loss
    torch.set_default_dtype(F64)
    try:
        np.testing.assert_array_equal(space.train(digits, 2, seed=0).test_loss, expected)
        found = networks.guess_and_check(
            networks.linear(), digits, 2, max_train_error_rate=1.0, seed=0
        )
        assert torch.get_default_dtype() == F64
    finally:
        torch.set_default_dtype(torch.float32)
    again = networks.guess_and_check(networks.linear(), digits, 2, max_train_error_rate=1.0, seed=0)
    np.testing.assert_array_equal(found.test_loss, again.test_loss)


def test_outputs_and_losses_asked_for(digits):
    space = ib.NetworkSpace(networks.mlp(width=8), epochs=2, batch_size=10)
    ensemble = space.train(digits, 3, outputs=True, seed=0)
    assert ensemble.outputs.shape == (3, 30, 10)
    mse = ((ensemble.outputs - digits.y_test) ** 2).mean((1, 2))
    np.testing.assert_allclose(ensemble.test_loss, mse, rtol=1e-5)
    np.testing.assert_allclose(space.sample_losses(digits, 3, seed=0), mse, rtol=1e-5)
    error = space.sample_losses(digits, 3, seed=0, loss="zero_one")
    np.testing.assert_allclose(error, ensemble.test_error_rate)
    largest = space.sample_losses(digits, 3, seed=0, loss=lambda f, task: f.amax((1, 2)))
    np.testing.assert_allclose(largest, ensemble.outputs.max((1, 2)), rtol=1e-5)


def test_probabilities_of_networks_trained_by_cross_entropy(digits):
    space = ib.NetworkSpace(networks.linear(), loss="cross_entropy", epochs=2, batch_size=10)
    ensemble = space.train(digits, 2, outputs=True, seed=0)
    np.testing.assert_allclose(ensemble.outputs.sum(2), 1.0, rtol=1e-5)
    log_likelihood = np.log(ensemble.outputs[:, range(30), digits.labels_test])
    np.testing.assert_allclose(ensemble.test_loss, -log_likelihood.mean(1), rtol=1e-4)
    brier = ((ensemble.outputs - digits.y_test) ** 2).mean((1, 2))
    np.testing.assert_allclose(space.sample_losses(digits, 2, seed=0), brier, rtol=1e-4)


def test_fitted_keeps_those_that_fit_and_says_how_many(small):
    space = ib.NetworkSpace(networks.mlp(width=16), epochs=10, batch_size=5)
    ensemble = space.train(small, 20, seed=0)
    limit = float(np.median(ensemble.train_loss))
    fitted = ensemble.fitted(limit)
    assert (len(fitted), fitted.drawn, fitted.fraction) == (10, 20, 0.5)
    np.testing.assert_array_equal(fitted.index, np.flatnonzero(ensemble.train_loss <= limit))
    np.testing.assert_array_equal(fitted.test_loss, ensemble.test_loss[fitted.index])
    np.testing.assert_array_equal(fitted.test_curve, ensemble.test_curve[fitted.index])
    assert "10 of 20 hypotheses drawn (50.0%)" in repr(fitted)
    with pytest.raises(ValueError, match=r"none of 20 hypotheses reaches .lowest training loss: "):
        ensemble.fitted(0.0)
    with pytest.raises(ValueError, match="max_train_loss: found nan"):
        ensemble.fitted(float("nan"))


def test_a_network_space_says_what_stands_for_its_law():
    space = ib.NetworkSpace(ib.networks.mlp(width=4, depth=1))
    with pytest.raises(AttributeError, match=r"'loss_law': the law of .* not known"):
        space.loss_law(None)
    assert not hasattr(space, "loss_law") and not hasattr(space, "law")
    assert pickle.loads(pickle.dumps(space)).recipe == space.recipe
