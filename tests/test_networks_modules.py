"""A reader's own modules: each is trained as a plain loop trains it, or refused by name.

The loop shares no code with the package; see `tests/plain_loop.py`.
"""

import copy
import math
import types
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import ibhelpers as ib
from ibhelpers import networks
from ibhelpers.networks import _diagnosis as diagnosis
from ibhelpers.networks import _verification as verification
from tests.plain_loop import OPTIMIZERS, plain_loop

torch.set_num_threads(1)
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{said}")
    for said in ("There is a performance drop", ".*torch.jit.*deprecated")  # torch of itself
]
D, K, N = 6, 2, 14  # inputs, outputs, training examples


@pytest.fixture(scope="module")
def task():
    rng = np.random.default_rng(3)
    return ib.Task(*(rng.normal(size=shape) for shape in ((N, D), (N, K), (5, D), (5, K))))


def train(architecture, task, n=3, **settings):
    settings = {"lr": 0.01, "epochs": 3, "batch_size": 5, "dtype": torch.float64} | settings
    return ib.NetworkSpace(architecture, **settings).train(task, n, seed=0, progress=False)


class Of(nn.Module):
    """A module of some parts whose forward is a function."""

    def __init__(self, function, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = function

    def forward(self, x):
        return self.function(self, x)


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT


class TimesVector(nn.Linear):
    """A Linear whose weight is no matrix."""

    def __init__(self):
        super().__init__(D, D)
        self.weight = nn.Parameter(torch.randn(D))

    def forward(self, x):
        return x * self.weight + self.bias


def parameter(*shape):
    return nn.Parameter(torch.randn(*shape))


def hidden(first, activation=nn.Tanh):
    """A layer to four units, and the rest of a network."""
    return nn.Sequential(first, activation(), nn.Linear(4, K))


def tied(what):
    """Two layers that share a weight, a bias, or all they have."""
    one, other = nn.Linear(D, D), nn.Linear(D, D)
    if what == "layer":
        other = one
    else:
        setattr(other, what, getattr(one, what))
    return nn.Sequential(one, nn.Tanh(), other, nn.Tanh(), nn.Linear(D, K))


def old_weight_norm():
    with warnings.catch_warnings(action="ignore"):  # torch prefers the other one
        return hidden(torch.nn.utils.weight_norm(nn.Linear(D, 4)))


def with_buffers():
    network = Of(lambda s, x: s.layer(x[:, s.order] * s.mask), layer=nn.Linear(D, K))
    network.register_buffer("order", torch.randperm(D))
    network.register_buffer("mask", torch.rand(D), persistent=False)
    return network


def hooked(kind):
    network = hidden(nn.Linear(D, 4))
    if kind == "before":
        network[0].register_forward_pre_hook(lambda part, args: (3 * args[0],))
    else:
        network[1].register_forward_hook(lambda part, args, output: output**2)
    return network


def patched():
    network = hidden(nn.Linear(D, 4))
    network[0].forward = types.MethodType(
        lambda s, x: 2 * F.linear(x, s.weight, -s.bias), network[0]
    )
    network[1].forward = lambda x: x.tanh() ** 2
    return network


def once_called(network):
    network(torch.zeros(1, D))
    return network


def part_frozen():
    network = hidden(nn.Linear(D, 4))
    network[0].requires_grad_(False)
    return network


def centred():
    layer = hidden(nn.Linear(D, 4))
    start = copy.deepcopy(layer).requires_grad_(False)
    return Of(lambda s, x: s.layer(x) - s.start(x), layer=layer, start=start)


def zero_head():
    network = hidden(nn.Linear(D, 4))
    nn.init.zeros_(network[2].weight)
    nn.init.zeros_(network[2].bias)
    return network


def autoencoder():
    return Of(
        lambda s, x: s.last(F.linear(torch.tanh(s.code(x)), s.code.weight.t(), s.bias)),
        code=nn.Linear(D, 4),
        bias=parameter(D),
        last=nn.Linear(D, K),
    )


def embedding_tied_to_a_layer():
    embedding, layer = nn.Embedding(5, K), nn.Linear(K, 5)
    layer.weight = embedding.weight
    return Of(
        lambda s, x: s.embedding((x[:, 0] > 0).long()) + s.layer(x[:, :K])[:, :K],
        embedding=embedding,
        layer=layer,
    )


def interleaved():
    both = torch.randn(D, 2 * K)
    return Of(
        lambda s, x: x @ s.one + (x @ s.other).tanh(),
        one=nn.Parameter(both[:, ::2]),
        other=nn.Parameter(both[:, 1::2]),
    )


def tokens(mix, **parts):
    """Inputs as a sequence of numbers, embedded in four dimensions."""
    return Of(
        lambda s, x: s.last(mix(s, s.first(x[..., None])).mean(1)),
        first=nn.Linear(1, 4),
        last=nn.Linear(4, K),
        **parts,
    )


def conv(layer, features):
    return Of(
        lambda s, x: s.last(s.conv(x.reshape(-1, 1, 2, 3)).relu().flatten(1)),
        conv=layer,
        last=nn.Linear(features, K),
    )


def cell(kind):
    return Of(
        lambda s, x: s.last(s.cell(x[:, 3:], s.cell(x[:, :3]))),
        cell=kind(3, 4),
        last=nn.Linear(4, K),
    )


def in_place():
    def forward(s, x):
        x = s.first(x)
        x += s.bias
        return s.last(torch.relu_(x))

    return Of(forward, first=nn.Linear(D, 4), bias=parameter(4), last=nn.Linear(4, K))


def mixture():
    return Of(
        lambda s, x: (
            torch.softmax(s.gate(x), -1)[..., None] * torch.stack([e(x) for e in s.experts], 1)
        ).sum(1),
        gate=nn.Linear(D, 3),
        experts=nn.ModuleList([nn.Linear(D, K) for _ in range(3)]),
    )


parametrize = nn.utils.parametrizations
TRAINED = {
    # Layouts of parameters and gradients
    "transposed": lambda: Of(
        lambda s, x: F.linear(F.linear(x, s.one.t()).tanh(), s.other.t()),
        one=parameter(D, 5),
        other=parameter(5, K),
    ),
    "permuted": lambda: Of(
        lambda s, x: torch.einsum("bd,dhk->bk", x, s.weight),
        weight=nn.Parameter(torch.randn(K, 3, D).permute(2, 1, 0)),
    ),
    "strided": lambda: Of(
        lambda s, x: x @ s.weight, weight=nn.Parameter(torch.randn(2 * D, 3 * K)[::2, ::3])
    ),
    "interleaved": interleaved,
    "expanded in forward": lambda: Of(
        lambda s, x: x @ s.weight.expand(D, K), weight=parameter(D, 1)
    ),
    "products of three": lambda: Of(
        lambda s, x: torch.einsum("bd,hdk,ho->bk", x, s.one, s.other),
        one=parameter(3, D, K),
        other=parameter(3, 2),
    ),
    "attention of torch": lambda: tokens(
        lambda s, x: s.attention(x, x, x, need_weights=False)[0],
        attention=nn.MultiheadAttention(4, 2, batch_first=True),
    ),
    "encoder of torch": lambda: tokens(
        lambda s, x: s.encoder(x),
        encoder=nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True),
    ),
    "channels last": lambda: conv(nn.Conv2d(1, 3, 2).to(memory_format=torch.channels_last), 6),
    "transposed convolution": lambda: conv(nn.ConvTranspose2d(1, 2, 2), 24),
    "one number": lambda: Of(
        lambda s, x: s.layer(s.factor * x),
        layer=nn.Linear(D, K),
        factor=nn.Parameter(torch.tensor(1.5)),
    ),
    "vector of a Linear": lambda: nn.Sequential(TimesVector(), nn.Linear(D, K)),
    "bilinear": lambda: Of(lambda s, x: s.layer(x[:, :3], x[:, 3:]), layer=nn.Bilinear(3, 3, K)),
    # Shared parameters
    "autoencoder": autoencoder,
    "shared weight": lambda: tied("weight"),
    "shared bias": lambda: tied("bias"),
    "layer used twice": lambda: tied("layer"),
    "embedding tied to a layer": embedding_tied_to_a_layer,
    # Computed parameters
    "weight_norm of old": old_weight_norm,
    "weight_norm": lambda: hidden(parametrize.weight_norm(nn.Linear(D, 4))),
    "spectral_norm at rest": lambda: hidden(parametrize.spectral_norm(nn.Linear(D, 4))).eval(),
    "orthogonal": lambda: nn.Sequential(
        parametrize.orthogonal(nn.Linear(D, D)), nn.Tanh(), nn.Linear(D, K)
    ),
    "symmetric": lambda: nn.Sequential(
        nn.utils.parametrize.register_parametrization(nn.Linear(D, D), "weight", Symmetric()),
        nn.Linear(D, K),
    ),
    "lazy, but called": lambda: once_called(nn.Sequential(nn.LazyLinear(4), nn.LazyLinear(K))),
    "float16": lambda: hidden(nn.Linear(D, 4)).half(),
    "mixed types": lambda: hidden(nn.Linear(D, 4, dtype=torch.float64)),
    # State, hooks and the rest
    "buffers": with_buffers,
    "hook before": lambda: hooked("before"),
    "hook after": lambda: hooked("after"),
    "patched forward": patched,
    "dropout at rest": lambda: nn.Sequential(nn.Linear(D, K), nn.Dropout(0.5)).eval(),
    "batch norm at rest": lambda: nn.Sequential(nn.Linear(D, K), nn.BatchNorm1d(K)).eval(),
    "frozen": part_frozen,
    "centred": centred,
    "zero head": zero_head,
    "in place": in_place,
    "in-place ReLU": lambda: hidden(nn.Linear(D, 4), lambda: nn.ReLU(inplace=True)),
    "GRU cell": lambda: cell(nn.GRUCell),
    "RNN cell": lambda: cell(nn.RNNCell),
    "embedding": lambda: Of(lambda s, x: s.table((x > 0).long()).sum(1), table=nn.Embedding(2, K)),
    "norms": lambda: nn.Sequential(
        nn.Linear(D, 4), nn.GroupNorm(2, 4), nn.RMSNorm(4), nn.Linear(4, K)
    ),
    "PReLU": lambda: hidden(nn.Linear(D, 4), nn.PReLU),
    "mixture of experts": mixture,
    "list of parameters": lambda: Of(
        lambda s, x: sum(x[:, i : i + 1] * p for i, p in enumerate(s.all)),
        all=nn.ParameterList([parameter(K) for _ in range(D)]),
    ),
    "spectrum": lambda: Of(
        lambda s, x: s.layer(torch.fft.rfft(x * s.weight).abs()),
        weight=parameter(D),
        layer=nn.Linear(4, K),
    ),
    "sorted": lambda: Of(
        lambda s, x: s.layer(torch.sort(x * s.weight, 1)[0]),
        weight=parameter(D),
        layer=nn.Linear(D, K),
    ),
}


@pytest.mark.parametrize("name", TRAINED)
def test_modules_are_trained_as_by_a_plain_loop(task, name):
    def architecture(task):
        return TRAINED[name]()

    for settings in ({"optimizer": "adam"}, {"optimizer": "sgd", "batch_size": N}):
        found = train(architecture, task, **settings).train_curve
        expected = [plain_loop(architecture, task, i, **settings)[1] for i in range(3)]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_on_gradients_of_unusual_layout(task, optimizer):
    for name in ("autoencoder", "attention of torch", "permuted", "products of three"):

        def architecture(task, name=name):
            return TRAINED[name]()

        found = train(architecture, task, optimizer=optimizer).train_curve
        expected = [plain_loop(architecture, task, i, optimizer=optimizer)[1] for i in range(3)]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


# Refusals


def drawn(**attributes):
    """A network whose constructor keeps what it has drawn."""
    return Of(
        lambda s, x: s.scale * s.layer(x[:, s.order]),
        layer=nn.Linear(D, K),
        **{"scale": 1.0, "order": list(range(D))} | attributes,
    )


def scale_of_a_closure():
    scale = torch.rand(()).item()
    return Of(lambda s, x: scale * s.layer(x), layer=nn.Linear(D, K))


WORLD = {}


def scale_of_the_world():
    WORLD["scale"] = torch.rand(()).item()
    return Of(lambda s, x: WORLD["scale"] * s.layer(x), layer=nn.Linear(D, K))


def scale_of_gradients():
    """Its outputs do not show what was drawn."""

    def forward(s, x):
        x = s.first(x)
        return s.last(x.detach() + s.scale * (x - x.detach()))

    scale = torch.rand(()).item()
    return Of(forward, first=nn.Linear(D, 4), last=nn.Linear(4, K), scale=scale)


def sharing(how):
    one, other = nn.Linear(D, 4), nn.Linear(4, D)
    if how == "view":
        other.weight = nn.Parameter(one.weight.t())
    elif how == "data":
        other.weight.data = one.weight.data.t()
    network = nn.Sequential(one, nn.Tanh(), other, nn.Linear(D, K))
    if how == "buffer":
        network.register_buffer("copy", one.weight.data)
    return network


def in_a_list(part):
    network = Of(
        lambda s, x: s.layer(s.parts[0](x)) if callable(s.parts[0]) else F.linear(x, s.parts[0]),
        layer=nn.Linear(D, K),
    )
    network.parts = [network.layer.weight if part is None else part]
    return network


def patched_by_closure():
    network = hidden(nn.Linear(D, 4))
    layer = network[0]
    layer.forward = lambda x: F.linear(x, layer.weight, layer.bias)
    return network


def hook_on_gradient(of):
    network = hidden(nn.Linear(D, 4))
    if of == "parameter":
        network[0].weight.register_hook(lambda g: 0.1 * g)
    else:
        network[1].register_full_backward_hook(lambda part, g_in, g_out: (0.5 * g_in[0],))
    return network


def random_freezing():
    network = hidden(nn.Linear(D, 4))
    network[0].requires_grad_(bool(torch.rand(()) < 0.5))
    return network


class Squared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]


def counting():
    def forward(s, x):
        s.count += 1
        return s.layer(x) * (1 + s.count % 2)

    return Of(forward, layer=nn.Linear(D, K), count=0)


def written_into():
    def forward(s, x):
        out = torch.zeros(len(x), K, dtype=x.dtype)
        out[:, 0] += s.layer(x)[:, 0]
        return out

    return Of(forward, layer=nn.Linear(D, K))


SHARED = nn.Linear(D, 4)


def of_layer(forward):
    return lambda: Of(forward, layer=nn.Linear(D, K))


REFUSED = {
    "permutation": (
        lambda: drawn(order=torch.randperm(D)),
        r"outputs of network 1 differ .*'order' of Of differs from network to.*register_buffer",
    ),
    "scale": (lambda: drawn(scale=torch.rand(()).item()), "'scale' of Of differs from network to"),
    "rare scale": (
        lambda: drawn(scale=1.0 + (torch.rand(()).item() < 0.2)),
        r"outputs of network \d differ .*'scale' of Of differs",
    ),
    "slight scale": (
        lambda: drawn(scale=1 + 1e-8 * torch.rand(()).item()),
        "'scale' of Of differs from network",
    ),
    "closure": (scale_of_a_closure, "'function' of Of differs from network to network"),
    "world": (scale_of_the_world, "outputs of a network change when another is made; .* global"),
    "gradients": (
        scale_of_gradients,
        "'first.weight' of network 1, after two steps of training, differs.*'scale' of Of",
    ),
    "activation": (
        lambda: hidden(nn.Linear(D, 4), nn.ReLU if torch.rand(()) < 0.5 else nn.Tanh),
        "the class of layer '1' differs from network to network",
    ),
    "width": (
        lambda: (lambda w: nn.Sequential(nn.Linear(D, w), nn.Linear(w, K)))(
            int(torch.randint(2, 9, ()))
        ),
        r"parameters '0.weight' of two networks cannot be stacked: .* shape \(6, \d\), .* \(6, \d",
    ),
    "depth": (
        lambda: nn.Sequential(
            *(nn.Linear(D, D) for _ in range(int(torch.randint(1, 5, ())))), nn.Linear(D, K)
        ),
        r"two networks cannot be stacked",
    ),
    "freezing": (random_freezing, "which parameters are trained differs from network to network"),
    "view": (lambda: sharing("view"), "'2.weight' share memory with '0.weight', .* twice"),
    "data": (lambda: sharing("data"), "'2.weight' share memory with '0.weight'"),
    "buffer": (lambda: sharing("buffer"), "'copy' share memory with '0.weight'"),
    "expanded": (
        lambda: Of(lambda s, x: x @ s.weight, weight=nn.Parameter(torch.randn(D, 1).expand(D, K))),
        r"'weight' share memory among its own entries .expand.*clone",
    ),
    "trained by all": (
        lambda: hidden(SHARED),
        "all networks hold the same parameter '0.weight', .* requires_grad_.False",
    ),
    "list of parameters": (lambda: in_a_list(None), "'layer.weight' in the network alone, but not"),
    "list of layers": (lambda: in_a_list(nn.Linear(D, D)), "nn.ModuleList"),
    "patched": (patched_by_closure, "'0.weight' in the network alone, but not in a stack"),
    "hook on a parameter": (
        lambda: hook_on_gradient("parameter"),
        "a hook changes the gradient of parameter '0.weight'",
    ),
    "hook on a layer": (
        lambda: hook_on_gradient("layer"),
        "a hook changes the gradients of Tanh '1'",
    ),
    "lazy": (lambda: hidden(nn.LazyLinear(4)), "LazyLinear '0' has no shape yet.*call the network"),
    "script": (
        lambda: torch.jit.script(hidden(nn.Linear(D, 4))),
        "compiled by torch.jit, .* return the module as it was before",
    ),
    "script within": (lambda: hidden(torch.jit.script(nn.Linear(D, 4))), "'0' is compiled by"),
    "compiled": (lambda: torch.compile(nn.Linear(D, K)), "compiled by torch.compile"),
    "meta": (lambda: nn.Linear(D, K, device="meta"), "'weight' of Linear is on the device 'meta'"),
    "complex": (
        lambda: Of(
            lambda s, x: (x.to(s.weight.dtype) @ s.weight).abs(),
            weight=nn.Parameter(torch.randn(D, K, dtype=torch.complex64)),
        ),
        "'weight' of Of is complex; hold the real and",
    ),
    "spectral_norm": (
        lambda: hidden(parametrize.spectral_norm(nn.Linear(D, 4))),
        "the buffer '0.parametrizations.weight.0._u' changes as .*eval",
    ),
    "dropout": (
        lambda: nn.Sequential(nn.Linear(D, K), nn.Dropout(0.5)),
        r"Dropout '1' draws random numbers .* or eval\(\)",
    ),
    "functional dropout": (
        of_layer(lambda s, x: s.layer(F.dropout(x, 0.5))),
        "Of gives other outputs when it is evaluated again; it draws random numbers",
    ),
    "numpy": (
        of_layer(lambda s, x: s.layer(x) * np.random.default_rng().normal()),
        "Of gives other outputs when it is evaluated again; it draws .*of NumPy",
    ),
    "RReLU": (lambda: hidden(nn.Linear(D, 4), nn.RReLU), "RReLU '1' gives other outputs when"),
    "counting": (counting, "Of gives other outputs when .* keeps a state"),
    "inputs in place": (
        of_layer(lambda s, x: s.layer(x.mul_(2))),
        r"changes its inputs in place, .*write x = 2 \* x",
    ),
    "first layer in place": (
        lambda: nn.Sequential(nn.ReLU(inplace=True), nn.Linear(D, K)),
        "changes its inputs in place, .* leave out inplace=True",
    ),
    "written into": (written_into, "Of changes a tensor in place that all networks share; use"),
    "LSTM cell": (
        lambda: Of(lambda s, x: s.last(s.cell(x)[0]), cell=nn.LSTMCell(D, 4), last=nn.Linear(4, K)),
        "LSTMCell 'cell' is one of those for which torch has no version for stacks; write.*GRUCell",
    ),
    "function": (of_layer(lambda s, x: s.layer(Squared.apply(x * s.layer.weight[0]))), "vmap_rule"),
    "squeeze": (
        of_layer(lambda s, x: s.layer(x[:, None]).squeeze()),
        r"for 1 example the network returned \(2,\)",
    ),
    "weak tie": (
        of_layer(lambda s, x: s.layer(x) + 1e-6 * x.mean(0)[:K]),
        "the outputs for an example change with the other examples",
    ),
    "constants": (
        of_layer(lambda s, x: s.layer(x @ torch.eye(D))),
        "Of brings together numbers of different types; .* register_buffer",
    ),
    "unused": (
        lambda: Of(lambda s, x: s.layer(x), layer=nn.Linear(D, K), spare=parameter(3)),
        "outputs do not depend on parameter 'spare'",
    ),
    # torch's own version for stacks gives the gradients of another function.
    "padded embedding": (
        lambda: Of(
            lambda s, x: s.table((x > 0).long()).sum(1), table=nn.Embedding(2, K, padding_idx=0)
        ),
        "'table.weight' of network 1, after two steps .* torch's version for stacks",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_modules_that_would_be_trained_otherwise_are_refused_by_name(task, name):
    make, message = REFUSED[name]
    for dtype in (torch.float32, torch.float64):
        with pytest.raises(ValueError, match=f"architecture: .*({message})"):
            train(lambda task: make(), task, n=9, dtype=dtype)


def test_guesses_are_compared_with_networks_alone(task):
    with pytest.raises(ValueError, match="'scale' of Of differs from network to network"):
        networks.guess_and_check(
            lambda task: drawn(scale=torch.rand(()).item()), task, 3, max_train_loss=9.0, seed=0
        )


def test_a_network_of_a_later_chunk_that_is_unlike_its_neighbours(task):
    made = []

    def architecture(task):
        made.append(None)
        return drawn(scale=2.0 if len(made) == 30 else 1.0)

    with pytest.raises(ValueError, match=r"outputs of network \d+ differ .*'scale' of Of differs"):
        train(architecture, task, n=60, chunk=8)


def test_layers_that_all_networks_share_stay_as_they_were(task):
    shared = nn.Linear(D, 4).requires_grad_(False)
    before = shared.weight.clone()
    train(lambda task: hidden(shared), task, dtype=torch.float32)
    assert shared.weight.dtype == torch.float32 and torch.equal(shared.weight, before)


# The check sees what it is for


def test_gradients_that_are_not_in_the_order_of_their_parameters_are_seen(task, monkeypatch):
    """What fused optimizers made of them before gradients were brought in order."""

    def step(stack, optimizer, X, y, loss):
        losses = (stack(X) - y).square().mean((1, 2))
        gradients = torch.autograd.grad(losses.sum(), stack.leaves)
        for leaf, gradient in zip(stack.leaves, gradients, strict=True):
            leaf.grad = gradient
        optimizer.step()

    monkeypatch.setattr(verification, "step", step)
    for optimizer in ("sgd", "momentum", "nesterov", "adam", "adamw"):
        for name in ("autoencoder", "attention of torch", "permuted"):
            with pytest.raises(ValueError, match=r"of network 0, after two steps of .*, differs"):
                train(lambda task, name=name: TRAINED[name](), task, optimizer=optimizer)


def test_a_stack_that_leaves_out_a_bias_is_seen(task, monkeypatch):
    """As one did whose second layer holds its bias under the name of the first."""
    layer_by_layer = verification.Stack._layer_by_layer

    def without_bias(stack, X):
        bias = stack._held.pop("2.bias")
        try:
            return layer_by_layer(stack, X)
        finally:
            stack._held["2.bias"] = bias

    monkeypatch.setattr(verification.Stack, "_layer_by_layer", without_bias)
    with pytest.raises(ValueError, match=r"'2.bias' in the network alone, but not in a stack"):
        train(networks.mlp(width=4, depth=1), task)


def test_what_counts_as_different():
    def network(**attributes):
        return Of(len, layer=nn.Linear(D, K), **attributes)

    def differs(one, other):
        return verification.difference(network(a=one), network(a=other))

    endless, another = [], []
    endless.append(endless)
    another.append(another)
    for value in (1, "a", [1, {"b": (2.0, None)}], np.arange(3), torch.arange(3), math.sin):
        assert differs(value, copy.deepcopy(value)) == ""
    for one, other in (
        (1, 2),
        (1, 1.0),
        (np.arange(3), np.arange(4)),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64)),
        ([1], [1, 2]),
        (object(), object()),
        (endless, another),
        (math.sin, math.cos),
    ):
        assert differs(one, other) == "'a' of Of"
    assert "layers" in verification.difference(network(), network(more=nn.Tanh()))
    assert diagnosis.in_words(nn.Linear(1, 1), "a.b") == "Linear 'a.b'"


class Louder(nn.Module):
    """Twice as loud in training as when it is judged."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(D, K)

    def forward(self, x):
        return self.inner(x) * (2.0 if self.training else 1.0)


def test_a_network_that_is_another_at_rest_is_refused_unless_it_is_trained_so(task):
    def losses(architecture):
        return ib.NetworkSpace(architecture, epochs=2, batch_size=None).sample_losses(
            task, 2, seed=0
        )

    with pytest.raises(ValueError, match="something else after eval"):
        losses(lambda task: Louder())
    plain = losses(lambda task: nn.Sequential(nn.Linear(D, K)))
    np.testing.assert_allclose(losses(lambda task: Louder().eval()), plain, rtol=1e-6)
