"""Splitting through training, against counting, and the exact law of linear networks.

A test says how many standard errors it allows; every number has a seed.
"""

import math
import multiprocessing
import os
import signal

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import ibhelpers as ib
from ibhelpers.bias._splitting import Run
from ibhelpers.networks._initialisers import InitialWeights
from ibhelpers.networks._randomness import order_of, weights_of
from ibhelpers.networks.checkpoint import Checkpoint


def small_task(n_train=16, n_test=10, seed=0):
    return ib.tasks.load("digits", n_train=n_train, n_test=n_test, seed=seed)


def architecture(initialise):
    """One hidden layer whose weights are initialised so; the rest stays as torch has it."""

    def build(task):
        network = nn.Sequential(
            nn.Linear(task.n_inputs, 6), nn.Tanh(), nn.Linear(6, task.n_outputs)
        )
        with torch.no_grad():
            initialise(network[0].weight)
        return network

    return build


def scaled(weight):
    weight.normal_().mul_(0.1)


def in_part(weight):
    weight[:3].uniform_(-0.2, 0.4)


def by_randn(weight):
    weight.copy_(0.3 * torch.randn(weight.shape) + torch.rand_like(weight))


def by_torch_normal(weight):
    weight.copy_(torch.normal(0.1, 0.2, tuple(weight.shape)))


INITIALISERS = {
    "as torch has it": lambda weight: None,
    "normal": lambda weight: nn.init.normal_(weight, 0.1, 0.3),
    "uniform": lambda weight: nn.init.uniform_(weight, -0.1, 0.3),
    "kaiming normal": nn.init.kaiming_normal_,
    "kaiming uniform": nn.init.kaiming_uniform_,
    "xavier normal": nn.init.xavier_normal_,
    "xavier uniform": nn.init.xavier_uniform_,
    "truncated": lambda weight: nn.init.trunc_normal_(weight, std=0.1, a=-0.15, b=0.15),
    "orthogonal": nn.init.orthogonal_,
    "zeros": nn.init.zeros_,
    "eye": nn.init.eye_,
    "scaled": scaled,
    "in part": in_part,
    "randn and rand": by_randn,
    "torch.normal": by_torch_normal,
}


def initial_weights(build, task):
    return InitialWeights(lambda: build(task), lambda i: weights_of(0, i))


@pytest.mark.parametrize("name", INITIALISERS)
def test_weights_by_normal_variables_have_the_law_of_torch(name):
    """The network of hypothesis 0's own variables is hypothesis 0; for 60 networks each parameter's
    numbers, pooled, pass a Kolmogorov-Smirnov test against torch's own at one in 10,000."""
    task, build = small_task(), architecture(INITIALISERS[name])
    weights = initial_weights(build, task)
    z = torch.randn(60, weights.dimension, generator=torch.Generator().manual_seed(1)).double()
    z[0] = weights.of_first
    stack = weights.stack(z, torch.device("cpu"), torch.float32)
    with weights_of(0, 0):
        first = build(task)
    for key, ours in stack.parameters().items():
        theirs = []
        for i in range(60):
            with weights_of(1, i):
                theirs.append(dict(build(task).named_parameters())[key].detach())
        if name != "truncated":  # which torch draws again until it likes them
            theirs_first = dict(first.named_parameters())[key].detach()
            np.testing.assert_allclose(ours[0].detach(), theirs_first, rtol=2e-5, atol=2e-6)
        a, b = ours[1:].detach().flatten().numpy(), torch.stack(theirs).flatten().numpy()
        rows = np.random.default_rng(0)
        a, b = rows.permutation(a)[:2000], rows.permutation(b)[:2000]
        assert stats.ks_2samp(a, b).pvalue > 1e-4, key


def test_only_what_is_left_of_the_fills_takes_variables():
    task = small_task()
    assert initial_weights(ib.networks.linear(std=0.1), task).dimension == 650
    zeros = initial_weights(architecture(nn.init.zeros_), task)
    assert zeros.dimension == 6 + 6 * 10 + 10


def clamped(weight):
    weight.normal_().clamp_(-5, 5)


def without_small_ones(weight):
    weight.normal_()[weight.abs() < 1e-4] = 0


@pytest.mark.parametrize(
    ("initialise", "kept"),
    [(clamped, lambda w: w <= 5), (without_small_ones, lambda w: (w == 0) | (w >= 1e-4))],
)
def test_what_an_initialiser_hardly_ever_does_is_done(initialise, kept):
    """Of 384 normal numbers one is beyond 5 in one network of 4,500, below 1e-4 in one of 33."""
    weights = initial_weights(architecture(initialise), small_task())
    unit = torch.randn(8, weights.dimension, generator=torch.Generator().manual_seed(1)).double()
    for z in (8 * unit, 1e-3 * unit):
        stack = weights.stack(z, torch.device("cpu"), torch.float32)
        assert kept(stack.parameters()["0.weight"].detach().abs()).all()


class Signed(nn.Linear):
    """An affine function times a random sign, which is no parameter."""

    def __init__(self, d, k):
        super().__init__(d, k)
        self.sign = 1.0 if torch.randn(()) > 0 else -1.0

    def forward(self, x):
        return self.sign * super().forward(x)


def test_a_random_number_beside_the_parameters_is_refused_as_training_refuses_it():
    space = ib.NetworkSpace(lambda task: Signed(task.n_inputs, task.n_outputs), batch_size=None)
    with pytest.raises(ValueError, match="'sign' of Signed differs from network to network"):
        space.train(small_task(), 20, seed=0, progress=False)
    with pytest.raises(ValueError, match="'sign' of Signed differs from network to network"):
        space.hypotheses(small_task())


def seeded(weight):
    torch.manual_seed(3)
    weight.normal_()


def drawn_again(weight):
    weight.normal_()
    while weight.abs().max() > 5:
        weight.normal_()


@pytest.mark.parametrize(
    ("initialise", "named"),
    [
        (lambda weight: nn.init.sparse_(weight, 0.5), "randperm"),
        (lambda weight: weight.exponential_(), "exponential_"),
        (lambda weight: weight.bernoulli_(0.5), "bernoulli_"),
        (lambda weight: weight.copy_(torch.randint(3, weight.shape)), "randint"),
        (lambda weight: weight.cauchy_(), "cauchy_"),
        (seeded, "seeds torch's random numbers itself"),
        (drawn_again, "draws more random numbers for some networks"),
    ],
)
def test_other_randomness_is_refused_by_name(initialise, named):
    space = ib.NetworkSpace(architecture(initialise), batch_size=None, epochs=1)
    with pytest.raises(ValueError, match=f"architecture: .*{named}"):
        space.hypotheses(small_task())


# --- the map -------------------------------------------------------------------------------------


def variables_of(space, task, seed, i):
    """The normal variables of hypothesis i of counting: of its weights, and of its data order."""
    with weights_of(seed, i):
        state = torch.random.get_rng_state()

    class Same:
        def __enter__(self):
            self.context = weights_of(seed, i)
            self.context.__enter__()
            torch.random.set_rng_state(state)

        def __exit__(self, *error):
            self.context.__exit__(*error)

    weights = InitialWeights(
        lambda: space.architecture(task), lambda k: Same() if k == 0 else weights_of(seed + 1, i)
    )
    order = order_of(seed, i)
    n, epochs = task.n_train, space.recipe.epochs
    z = [weights.of_first]
    for _ in range(epochs if space.recipe.batch_for(n) < n else 0):
        ranks = torch.empty(n, dtype=torch.float64)
        ranks[torch.from_numpy(order.permutation(n))] = torch.linspace(
            -1, 1, n, dtype=torch.float64
        )
        z.append(ranks)
    return torch.cat(z)


@pytest.mark.parametrize(
    "settings",
    [
        {"architecture": ib.networks.mlp(8, 1), "batch_size": 5},
        {
            "architecture": ib.networks.mlp(8, 2, "tanh"),
            "batch_size": None,
            "optimizer": "nesterov",
        },
        {"architecture": ib.networks.cnn((3,)), "batch_size": 4, "loss": "cross_entropy"},
        {"architecture": ib.networks.resnet(4, 1), "batch_size": 8, "optimizer": "rmsprop"},
        {"architecture": ib.networks.vit(4, 4, 1), "batch_size": 8, "dtype": torch.float64},
        {"architecture": ib.networks.linear(), "batch_size": 7, "stop_at": 0.085},
        {"architecture": ib.networks.mlp(8, 1, parameterisation="ntk"), "weight_decay": 0.01},
        {"architecture": architecture(nn.init.orthogonal_), "batch_size": 6, "chunk": 2},
    ],
    ids=lambda settings: str(settings["architecture"])[:20],
)
def test_at_the_variables_of_counting_the_map_gives_the_networks_of_counting(settings):
    task = small_task()
    space = ib.NetworkSpace(**({"batch_size": None, "lr": 0.01, "epochs": 3} | settings))
    ensemble = space.train(task, 3, seed=5, outputs=True, curves=False, progress=False)
    z = torch.stack([variables_of(space, task, 5, i) for i in range(3)])
    hypotheses = space.hypotheses(task)
    assert hypotheses.dimension == z.shape[1]
    outputs, fitted = hypotheses.draw(z)
    assert fitted.all()
    np.testing.assert_allclose(outputs, ensemble.outputs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("batch_size", [None, 5])
def test_a_network_space_keeps_what_the_protocol_promises(batch_size):
    """With a limit that some two thirds of the networks reach."""
    task = small_task()
    space = ib.NetworkSpace(
        ib.networks.mlp(6, 1), batch_size=batch_size, lr=0.01, epochs=5, dtype=torch.float64
    )
    losses = space.train(task, 100, seed=0, curves=False, progress=False).train_loss
    limited = ib.NetworkSpace(
        ib.networks.mlp(6, 1), batch_size=batch_size, lr=0.01, epochs=5, dtype=torch.float64,
        max_train_loss=float(np.quantile(losses, 0.65)),
    )  # fmt: skip
    for it in (space, limited):
        ib.spaces.check_space(it, task, seed=0)
    assert 40 <= limited.hypotheses(task).draw(
        torch.randn(100, limited.hypotheses(task).dimension, dtype=torch.float64,
                    generator=torch.Generator().manual_seed(0))
    )[1].sum() <= 85  # fmt: skip


def test_the_losses_of_a_limited_space_are_those_of_its_fitted_hypotheses():
    task = small_task()
    every = ib.NetworkSpace(ib.networks.mlp(6, 1), batch_size=None, lr=0.01, epochs=5)
    trained = every.train(task, 60, seed=2, curves=False, progress=False)
    limit = float(np.median(trained.train_loss))
    some = ib.NetworkSpace(
        ib.networks.mlp(6, 1), batch_size=None, lr=0.01, epochs=5, max_train_loss=limit
    )
    losses = some.sample_losses(task, 20, seed=2, progress=False)
    np.testing.assert_allclose(losses, trained.fitted(limit).test_loss[:20], rtol=1e-5)
    nothing = ib.NetworkSpace(
        ib.networks.linear(), batch_size=None, lr=0.01, epochs=1, max_train_loss=1e-9
    )
    with pytest.raises(ValueError, match="max_train_loss: found 1e-09, which 0 of"):
        nothing.sample_losses(task, 5000, seed=2, progress=False)


# --- the law of linear networks ------------------------------------------------------------------


def affine_by_a_plain_loop(space, task, weight, bias):
    """Mean (m, k) and root (m, p) of the trained outputs: from all initial weights 0, and 1 in one
    place, by torch.optim and autograd; for one output, as all are alike but for their targets."""
    X, Y, X_test = (torch.tensor(a) for a in (task.X_train, task.y_train, task.X_test))
    d, k = task.n_inputs, task.n_outputs

    def trained(W, b):
        parameters = [W.clone().requires_grad_(), b.clone().requires_grad_()]
        optimizer = space.recipe.new_optimizer(parameters, plain=True)
        for epoch in range(space.recipe.epochs):
            for group in optimizer.param_groups:
                group["lr"] = space.recipe.lr_at(epoch / space.recipe.epochs)
            optimizer.zero_grad()
            (X @ parameters[0] + parameters[1] - Y).square().mean().backward()
            optimizer.step()
        return (X_test @ parameters[0] + parameters[1]).detach()

    W0 = torch.full((d, k), weight[0], dtype=torch.float64)
    b0 = torch.full((k,), bias[0], dtype=torch.float64)
    mean = trained(W0, b0)
    columns = []
    for i in range(d):
        W = W0.clone()
        W[i, 0] += weight[1]
        columns.append((trained(W, b0) - mean)[:, 0])
    b = b0.clone()
    b[0] += bias[1]
    columns.append((trained(W0, b) - mean)[:, 0])
    return mean, torch.stack(columns, 1)


def gaussian_linear(weight, bias):
    def build(task):
        layer = nn.Linear(task.n_inputs, task.n_outputs)
        nn.init.normal_(layer.weight, *weight)
        nn.init.normal_(layer.bias, *bias) if bias[1] else nn.init.constant_(layer.bias, bias[0])
        return layer

    return build


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd"},
        {"optimizer": "momentum", "epochs": 30},
        {"optimizer": "nesterov", "weight_decay": 0.02},
        {"optimizer": "momentum", "optimizer_options": {"dampening": 0.3, "momentum": 0.5}},
        {"optimizer": "sgd", "schedule": "cosine", "weight_decay": 0.1},
        {"optimizer": "sgd", "bias": (0.25, 0.0)},
        {"optimizer": "sgd", "n_train": 12, "d": 3, "m": 9},
    ],
    ids=str,
)
def test_the_law_of_linear_networks_is_that_of_a_plain_loop(settings):
    """Mean and variance of the loss, and a quantile's probability by simulation of its normals."""
    settings = {"lr": 0.2, "epochs": 12, "batch_size": None} | settings
    bias, weight = settings.pop("bias", (-0.2, 0.4)), (0.1, 0.5)
    n, d, m = (settings.pop(key, default) for key, default in (("n_train", 4), ("d", 7), ("m", 6)))
    rng = np.random.default_rng(0)
    X, X_test = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    task = ib.Task(X, rng.normal(size=(n, 2)), X_test, rng.normal(size=(m, 2)))
    space = ib.NetworkSpace(gaussian_linear(weight, bias), dtype=torch.float64, **settings)
    law = ib.networks.linear_law(space, task)
    mean, root = affine_by_a_plain_loop(space, task, weight, bias)
    C, off = root @ root.T, mean - torch.tensor(task.y_test)
    assert law.mean() == pytest.approx(float((off**2).mean() + C.diagonal().mean()), rel=1e-10)
    variance = (4 * 2 * (C @ C).trace() / 2 + 4 * (off.T @ C @ off).trace()) / (2 * m) ** 2
    assert law.variance() == pytest.approx(float(variance), rel=1e-10)
    z = rng.normal(size=(20_000, d + 1, 2))
    losses = ((root.numpy() @ z + off.numpy()) ** 2).mean((1, 2))
    for p in (0.02, 0.3, 0.9):
        x = float(law.ilogcdf(math.log(p)))
        assert abs((losses <= x).mean() - p) < 4 * math.sqrt(p * (1 - p) / len(losses))


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"optimizer": "adam"}, "optimizer 'sgd'"),
        ({"batch_size": 4}, "batch_size=None"),
        ({"stop_at": 0.1}, "no stop_at"),
        ({"loss": "cross_entropy"}, "loss='mse'"),
        ({"max_train_loss": 0.1}, "no max_train_loss"),
        ({"architecture": ib.networks.linear()}, "weights that nn.init.normal_ has drawn"),
        ({"architecture": ib.networks.mlp(4, 1)}, "an architecture of one torch.nn.Linear"),
        ({"architecture": architecture(nn.init.normal_)}, "an architecture of one"),
    ],
)
def test_other_spaces_have_no_exact_law(settings, wanted):
    settings = {"architecture": ib.networks.linear(std=1), "optimizer": "sgd"} | settings
    space = ib.NetworkSpace(**({"batch_size": None} | settings))
    with pytest.raises(ValueError, match=f"space: the law of .*which takes {wanted}"):
        ib.networks.linear_law(space, small_task())


# --- splitting -----------------------------------------------------------------------------------


def tiny_linear(d=5, n=2, m=4, dtype=torch.float32):
    rng = np.random.default_rng(1)
    X, X_test = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    w = rng.normal(size=(d, 1))
    task = ib.Task(X, X @ w, X_test, X_test @ w + 0.1 * rng.normal(size=(m, 1)))
    space = ib.NetworkSpace(
        ib.networks.linear(std=1.0), optimizer="momentum", lr=0.1, epochs=2, batch_size=None,
        dtype=dtype,
    )  # fmt: skip
    return space, task, ib.networks.linear_law(space, task)


def within(bias, bits, errors=4.0):
    """Whether the bits are within so many standard errors of the truth, target by target."""
    low, high = (np.asarray(end) for end in bias.interval)
    error = (high - low) / 2 / stats.t.ppf(0.975, len(bias.trace.runs) - 1)
    return bool((np.abs(bias.bits - np.asarray(bits)) < errors * error).all())


def test_splitting_through_training_agrees_with_the_exact_law():
    """Within four standard errors at 4, 8 and 12 bits; all in one pass."""
    space, task, law = tiny_linear()
    bits = [4.0, 12.0, 8.0]
    targets = [float(law.ilogcdf(-b * math.log(2))) for b in bits]
    bias = ib.rare_event_bias(
        space, task, loss="mse", target_error=targets, seed=0, particles=100, moves=3,
        progress=False,
    )  # fmt: skip
    assert within(bias, bits), bias
    assert (bias.interval[1] - bias.interval[0] < 2.5).all()
    assert bias.trace.fitted == 1.0 and (bias.doubt == "").all()


@pytest.mark.long
@pytest.mark.parametrize(("bits", "particles"), [(50, 150), (500, 150)])
def test_splitting_through_training_agrees_with_the_exact_law_far_out(bits, particles):
    space, task, law = tiny_linear(d=12, n=4, m=10, dtype=torch.float64)
    bias = ib.rare_event_bias(
        space, task, loss="mse", target_error=float(law.ilogcdf(-bits * math.log(2))), seed=0,
        particles=particles, moves=10, progress=False,
    )  # fmt: skip
    assert within(bias, bits), bias


def test_a_target_on_the_way_is_what_a_run_to_it_finds():
    space, task, law = tiny_linear()
    targets = [float(law.ilogcdf(-b * math.log(2))) for b in (1, 2, 4)]
    ask = {"loss": "mse", "seed": 4, "particles": 20, "moves": 1, "progress": False}
    together = ib.rare_event_bias(space, task, target_error=targets, **ask)
    for i, target in enumerate(targets):
        alone = ib.rare_event_bias(space, task, target_error=target, **ask)
        assert alone.bits == together.bits[i]
        np.testing.assert_array_equal(alone.trace.log_p[:, 0], together.trace.log_p[:, i])


def ask(space, task, law, **settings):
    """Four bits by small runs, whatever they are worth."""
    settings = {"particles": 16, "moves": 1, "seed": 4, "loss": "mse"} | settings
    target = float(law.ilogcdf(-4 * math.log(2)))
    return ib.rare_event_bias(space, task, target_error=target, progress=False, **settings)


def until_it_is_killed(file, saves):
    """Ask, and die by a signal that nothing catches, once so much was written."""
    torch.set_num_threads(1)  # those of the parent were not copied
    left, save = [saves], Checkpoint.save

    def save_and_die(self, columns, seconds):
        save(self, columns, seconds)
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    Checkpoint.save = save_and_die
    ask(*tiny_linear(), checkpoint=file)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signal")
def test_a_run_that_was_killed_goes_on_and_finds_what_it_would_have_found(tmp_path, monkeypatch):
    monkeypatch.setattr("ibhelpers.bias._repeated._PATIENCE", 0)
    file = tmp_path / "runs.npz"
    for saves in (3, 7):  # in the first run; in a later one, after it was taken up
        process = multiprocessing.get_context("fork").Process(
            target=until_it_is_killed, args=(file, saves)
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    steps = []
    step = Run.step
    monkeypatch.setattr(Run, "step", lambda self: (steps.append(1), step(self)))
    resumed = ask(*tiny_linear(), checkpoint=file)
    left = len(steps)
    whole = ask(*tiny_linear())
    assert left < len(steps) - left - 5  # so many levels were kept
    assert resumed.bits == whole.bits and resumed.interval == whole.interval
    np.testing.assert_array_equal(resumed.trace.log_p, whole.trace.log_p)
    for one, other in zip(resumed.trace.runs, whole.trace.runs, strict=True):
        for field in ("threshold", "surviving", "nats", "acceptance", "step", "ancestors"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
        assert one.fitted == other.fitted and one.variance == other.variance
    steps.clear()
    assert ask(*tiny_linear(), checkpoint=file).bits == whole.bits and not steps
    another = (
        ({"seed": 5}, "seed is 4"),
        ({"moves": 3}, "moves is 1 there and 3"),
        ({"loss": lambda outputs, task: outputs.square().mean((1, 2))}, "loss"),
    )
    for other, named in another:
        with pytest.raises(ValueError, match=f"checkpoint: .*another run: .*{named}"):
            ask(*tiny_linear(), checkpoint=file, **other)


def digits_space(architecture, **settings):
    settings = {"lr": 0.02, "epochs": 5, "batch_size": None} | settings
    return ib.NetworkSpace(architecture, **settings)


@pytest.mark.parametrize(
    ("architecture", "settings", "loss"),
    [
        (ib.networks.mlp(6, 1), {}, "zero_one"),
        (ib.networks.mlp(6, 1), {"batch_size": 10, "lr": 0.01}, "mse"),
        (ib.networks.cnn((3,)), {"max_train_loss": 0.085}, "zero_one"),
    ],
    ids=["mlp", "mini-batches", "cnn with a limit"],
)
def test_splitting_through_training_agrees_with_counting(architecture, settings, loss):
    """At about 2 and 5 bits of 2,000 networks, within four standard errors of the difference."""
    task = small_task(20, 15)
    space = digits_space(architecture, **settings)
    losses = space.sample_losses(task, 2000, seed=0, loss=loss, progress=False)
    targets = np.quantile(losses, [2**-2, 2**-5])
    counted = ib.inductive_bias(ib.laws.Empirical(losses), targets)
    found = ib.rare_event_bias(
        space, task, loss=loss, target_error=targets, seed=0, particles=60, moves=2, progress=False
    )
    half = [(b.interval[1] - b.interval[0]) / 2 for b in (counted, found)]
    error = np.hypot(half[0] / 1.96, half[1] / stats.t.ppf(0.975, len(found.trace.runs) - 1))
    assert (np.abs(counted.bits - found.bits) < 4 * error).all(), (counted, found)


def test_the_fraction_that_counts_as_fitted_is_reported():
    """Within its own limits of what 1,000 trained networks say, widened to four errors."""
    task = small_task()
    every = digits_space(ib.networks.mlp(6, 1))
    trained = every.train(task, 1000, seed=3, curves=False, progress=False)
    limit = float(np.quantile(trained.train_loss, 0.4))
    space = digits_space(ib.networks.mlp(6, 1), max_train_loss=limit)
    losses = trained.fitted(limit).test_loss
    bias = ib.rare_event_bias(
        space, task, loss="mse", target_error=float(np.median(losses)), seed=0, particles=40,
        moves=2, progress=False,
    )  # fmt: skip
    low, high = bias.trace.fitted_interval
    assert low < bias.trace.fitted < high and high - low < 0.12
    error = math.hypot((high - low) / 3.92, math.sqrt(0.4 * 0.6 / 1000))
    assert abs(bias.trace.fitted - 0.4) < 4 * error
    assert abs(bias.bits - 1) < 4 * (bias.interval[1] - bias.interval[0]) / 2 / 2.36 + 0.2


def test_an_infinite_loss_is_a_loss():
    """It is beyond every target, as a large one is, and its hypothesis is in the space."""
    space, task, law = tiny_linear()
    middle = float(law.ilogcdf(math.log(0.5)))

    def cut(large):
        def loss(outputs, task):
            losses = (outputs - torch.tensor(task.y_test)).square().mean((1, 2))
            return torch.where(losses <= middle, losses, large)

        return loss

    infinite, finite = (ask(space, task, law, loss=cut(large)) for large in (math.inf, 1e9))
    assert infinite.trace.fitted == 1.0
    np.testing.assert_array_equal(infinite.trace.log_p, finite.trace.log_p)


def test_a_loss_sees_the_outputs_of_fitted_hypotheses_alone(tmp_path):
    """The log of a probability, which outputs of 0 would make infinite, or NaN."""

    def surprise(outputs, task):
        assert (outputs > 0).all()
        return -(torch.tensor(task.y_test) * outputs.log()).sum(2).mean(1)

    task, settings = small_task(), {"loss": "cross_entropy", "epochs": 2}
    every = digits_space(ib.networks.mlp(6, 1), **settings)
    limit = float(np.median(every.train(task, 50, seed=0, progress=False).train_loss))
    space = digits_space(ib.networks.mlp(6, 1), max_train_loss=limit, **settings)
    target = float(np.median(space.sample_losses(task, 40, seed=1, loss=surprise, progress=False)))
    bias = ib.rare_event_bias(
        space, task, loss=surprise, target_error=target, seed=0, particles=16, moves=1,
        checkpoint=tmp_path / "runs.npz", progress=False,
    )  # fmt: skip
    assert bias.trace.fitted < 0.8


# --- what is not to be trusted -------------------------------------------------------------------


def test_an_answer_that_rests_on_few_is_not_trusted():
    """Eight particles and one move at 15 bits: hardly a first particle is left."""
    space, task, law = tiny_linear()
    target = float(law.ilogcdf(-15 * math.log(2)))
    deep = ib.rare_event_bias(
        space, task, loss="mse", target_error=target, seed=0, particles=8, moves=1, progress=False
    )
    assert deep.interval is None and deep.doubt and repr(deep).startswith("about ")


def test_what_is_out_of_reach_is_at_least():
    """A loss below the floor, a limit of bits, and errors that no hypothesis leaves off."""
    space, task, law = tiny_linear(d=2, n=1, m=6)
    below = ib.rare_event_bias(
        space, task, loss="mse", target_error=[0.9 * law.offset, law.mean()], seed=0, particles=20,
        moves=1, max_bits=4, progress=False,
    )  # fmt: skip
    assert below.at_least.tolist() == [True, False]
    assert 2 < below.bits[0] < 8 and below.interval[1][0] == math.inf
    assert "at least" in repr(below) and "max_bits" in repr(below)
    alike = lambda outputs, task: torch.ones(len(outputs))  # noqa: E731
    never = ask(space, task, law, loss=alike)
    assert never.at_least and never.bits == 0 and "no particle was left" in repr(never)


def test_runs_that_went_past_a_target_count_where_they_passed_it():
    """Not where they ended: "at least" was more than what the luckier runs had found themselves."""
    space, task, law = tiny_linear()
    targets = [float(law.ilogcdf(-b * math.log(2))) for b in (8, 40)]
    mixed = 0
    for seed in range(3):
        bias = ib.rare_event_bias(
            space, task, loss="mse", target_error=targets, seed=seed, particles=8, moves=2,
            max_bits=9, progress=False,
        )  # fmt: skip
        found = -bias.trace.log_p[:, 0] / math.log(2)
        passed = np.isfinite(found)
        mixed += 0 < passed.sum() < len(found)
        if bias.at_least[0]:
            assert bias.bits[0] <= -math.log2(np.mean(np.where(passed, 2.0**-found, 0.0)))
            assert bias.bits[0] < 8 and bias.interval[1][0] == math.inf
    assert mixed


def test_diverged_networks_are_no_hypotheses(monkeypatch):
    monkeypatch.setattr("ibhelpers.bias._splitting._MOST_TRIES", 3)
    task = small_task()
    space = ib.NetworkSpace(
        ib.networks.linear(), optimizer="sgd", lr=1e12, epochs=40, batch_size=None
    )
    with pytest.raises(ValueError, match="hypotheses drawn, 0 count as fitted"):
        ib.rare_event_bias(
            space, task, loss="mse", target_error=0.1, seed=0, particles=2, progress=False
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "bridge"}, "method: found 'bridge' for a NetworkSpace"),
        ({"runs": 4}, "runs: found 4"),
        ({"moves": 0}, "moves: found 0"),
        ({"particles": 1}, "particles: found 1"),
        ({"loss": "cross_entropy"}, "loss: 'cross_entropy' has its temperature"),
        ({"target_error": -1.0}, "target_error: found -1"),
        ({"checkpoint": "no/such/folder"}, "checkpoint: found 'no/such/folder'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    space, task, _ = tiny_linear()
    settings = {"loss": "mse", "target_error": 0.1, "seed": 0} | settings
    with pytest.raises(ValueError, match=message):
        ib.rare_event_bias(space, task, progress=False, **settings)
    with pytest.raises(ValueError, match="checkpoint: found 'x' for a GaussianSpace"):
        ib.rare_event_bias(
            ib.GaussianSpace(ib.kernels.RBF(1.0)), task, loss="mse", target_error=0.1, seed=0,
            checkpoint="x",
        )  # fmt: skip


def test_threads_train_what_one_thread_trains():
    """Stacks that are trained at one time share no module, whose parameters they would swap."""
    task = ib.tasks.load("digits", n_train=20, n_test=10)
    space = ib.NetworkSpace(ib.networks.cnn((2, 2)), epochs=3, batch_size=10)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 2):
            torch.set_num_threads(threads)
            hypotheses = space.hypotheses(task)
            z = torch.randn(64, hypotheses.dimension, generator=torch.Generator().manual_seed(0))
            found.append(hypotheses.draw(z.double())[0])
    finally:
        torch.set_num_threads(before)
    for outputs in found[1:]:
        torch.testing.assert_close(outputs, found[0], rtol=1e-4, atol=1e-5)
