"""Networks: bad input is refused by name, and faults lose no more than they must."""

import multiprocessing
import os
import pickle
import re
import resource
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from tqdm import notebook, tqdm

import ibhelpers as ib
from ibhelpers import networks
from ibhelpers.networks import space as space_module
from ibhelpers.networks.checkpoint import Checkpoint

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def task():
    return ib.tasks.load("digits", n_train=40, n_test=20)


def make(architecture=None, **settings):
    settings = {"epochs": 2, "batch_size": 8, "chunk": 2} | settings
    return ib.NetworkSpace(architecture or networks.mlp(width=4, depth=1), **settings)


# Bad input


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": 0.0}, "lr: found 0.0; give a positive"),
        ({"lr": float("nan")}, "lr: found nan"),
        ({"epochs": 0}, "epochs: found 0; give a whole number of at least 1"),
        ({"batch_size": 0}, "batch_size: found 0"),
        ({"chunk": 0}, "chunk: found 0"),
        ({"chunk": "all"}, "chunk: found 'all'"),
        ({"weight_decay": -1.0}, "weight_decay: found -1.0"),
        ({"stop_at": -0.1}, "stop_at: found -0.1"),
        ({"optimizer": "lbfgs"}, "optimizer: found 'lbfgs'; known are adam, adamw"),
        ({"optimizer_options": {"beta": 1}}, "optimizer_options: .*torch.optim.Adam refuses"),
        ({"optimizer_options": {"betas": (2, 0)}}, "optimizer_options: .*Invalid beta"),
        ({"optimizer_options": {"lr": 1.0}}, "optimizer_options: found 'lr'.* give lr="),
        ({"optimizer_options": {"foreach": True}}, "optimizer_options: .*foreach"),
        ({"schedule": "cosin"}, "schedule: .*Did you mean 'cosine'"),
        ({"loss": "hinge"}, "loss: found 'hinge'"),
        ({"dtype": torch.float16}, "dtype: found torch.float16"),
        ({"device": "cuda:99"}, "device: found 'cuda:99'"),
        ({"architecture": nn.Linear(2, 2)}, "architecture: found Linear"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_bad_calls(task):
    with pytest.raises(ValueError, match="n: found 0"):
        make().train(task, 0, seed=0)
    with pytest.raises(ValueError, match="seed: found -1"):
        make().train(task, 1, seed=-1)
    with pytest.raises(ValueError, match="batch_size: found 41 for a training set of 40"):
        make(batch_size=41).train(task, 1, seed=0)
    with pytest.raises(ValueError, match="loss: found 'mae'"):
        make().sample_losses(task, 1, seed=0, loss="mae")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: networks.mlp(width=0), "width: found 0"),
        (lambda: networks.mlp(depth=-1), "depth: found -1"),
        (lambda: networks.mlp(activation="sigmoyd"), "activation: found 'sigmoyd'"),
        (lambda: networks.cnn(channels=()), r"channels: found \(\); give one number for each"),
        (lambda: networks.vit(dim=10, heads=3), "heads: found 3 for dim=10"),
        (lambda: networks.resnet(blocks=0), "blocks: found 0"),
    ],
)
def test_bad_architectures(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_architectures_that_need_images(task):
    vectors = ib.tasks.load("synthetic", n_train=10, n_test=5)
    for architecture in (networks.cnn(), networks.vit(), networks.resnet()):
        with pytest.raises(ValueError, match=r"needs images, but .* 'synthetic' are of kind"):
            make(architecture).train(vectors, 1, seed=0)
    with pytest.raises(ValueError, match="patch: found 3 for images of 8 x 8"):
        make(networks.vit(patch=3)).train(task, 1, seed=0)


class Wrapped(nn.Module):
    """A network with something in its middle."""

    def __init__(self, task, middle):
        super().__init__()
        self.first, self.middle = nn.Linear(task.n_inputs, 6), middle
        self.last = nn.Linear(6, task.n_outputs)

    def forward(self, x):
        return self.last(self.middle(self.first(x)))


class Branch(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Item(nn.Module):
    def forward(self, x):
        return x * x.max().item()


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += len(x)
        return x


class AcrossExamples(nn.Module):
    def forward(self, x):
        return x - x.mean(0)


class SharedInPlace(nn.Module):
    def forward(self, x):
        total = torch.zeros(6)
        total += x[0]
        return x + 0 * total


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.spare = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return x


@pytest.mark.parametrize(
    ("middle", "message"),
    [
        (lambda: nn.BatchNorm1d(6), "BatchNorm1d 'middle' ties the examples.*GroupNorm"),
        (lambda: nn.BatchNorm1d(6, track_running_stats=False), "BatchNorm1d 'middle' ties"),
        (lambda: nn.Sequential(nn.Dropout(0.1)), "Dropout 'middle.0' draws random.*weight_decay"),
        (Branch, "Branch 'middle' takes a branch that depends on the data; use torch.where"),
        (Item, r"Item 'middle' reads a number out of a tensor"),
        (Noise, "Noise 'middle' gives other outputs .* it draws random numbers"),
        (Counter, "the buffer 'middle.seen' changes as the network computes"),
        (AcrossExamples, "the outputs for an example change with the other examples"),
        (SharedInPlace, "SharedInPlace 'middle' changes a tensor in place"),
        (Unused, "the outputs do not depend on parameter 'middle.spare'"),
        (lambda: nn.Linear(5, 6), "Linear 'middle' cannot be evaluated .RuntimeError"),
    ],
)
def test_modules_that_cannot_be_trained_side_by_side(task, middle, message):
    with pytest.raises(ValueError, match=f"architecture: .*({message})"):
        make(lambda task: Wrapped(task, middle())).train(task, 2, seed=0)


def test_dropout_that_never_drops_and_normalisation_within_an_example_are_welcome(task):
    for middle in (lambda: nn.Dropout(0.0), lambda: nn.LayerNorm(6)):
        trained = make(lambda task, middle=middle: Wrapped(task, middle())).train(task, 2, seed=0)
        assert np.isfinite(trained.test_loss).all()


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (lambda task: nn.Linear(task.n_inputs, 3), r"returned \(3, 3\), .* have shape \(3, 10\)"),
        (lambda task: nn.Sequential(nn.Flatten()), "no parameters to train"),
        (lambda task: None, "returned NoneType; it must return a torch.nn.Module"),
        (
            lambda task: Wrapped(task, Scale(np.random.default_rng().random())),
            "parameter 'middle.factor' differs between two networks",
        ),
    ],
)
def test_architectures_that_do_not_fit(task, architecture, message):
    with pytest.raises(ValueError, match=message):
        make(architecture).train(task, 2, seed=0)


def test_networks_that_are_all_the_same_are_refused(task):
    network = nn.Linear(task.n_inputs, task.n_outputs)

    def seeded(task):
        torch.manual_seed(0)
        return nn.Linear(task.n_inputs, task.n_outputs)

    with pytest.raises(ValueError, match="all networks are the same; make a new one in each call"):
        make(lambda task: network).train(task, 2, seed=0)
    with pytest.raises(ValueError, match="all networks are the same"):
        make(seeded, batch_size=None).train(task, 2, seed=0)
    with pytest.raises(ValueError, match="all networks are the same"):
        networks.guess_and_check(seeded, task, 2, max_train_error_rate=1.0, seed=0)
    losses = make(seeded).train(task, 3, seed=0).test_loss
    assert len(set(losses)) == 3  # the orders of the data differ


@pytest.mark.parametrize("name", ["synthetic", "pendulum"])
def test_cross_entropy_asks_for_probabilities(name):
    task = ib.tasks.load(name, n_train=20, n_test=10)
    with pytest.raises(ValueError, match="cross_entropy', but the rows of y_train are no prob"):
        make(loss="cross_entropy").train(task, 2, seed=0)


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(float(factor)))

    def forward(self, x):
        return x * self.factor


# Hypotheses that diverge


class SometimesHuge(nn.Linear):
    """A third of these start at weights whose squares overflow."""

    def __init__(self, task):
        super().__init__(task.n_inputs, task.n_outputs)
        if torch.rand(()) < 1 / 3:
            self.weight.data *= 1e30


def test_hypotheses_that_diverge_are_counted_and_named_and_averaged_nowhere(task):
    space = make(SometimesHuge, optimizer="sgd", lr=0.01, chunk=6)
    with pytest.warns(UserWarning, match=r"(\d+) of 12 hypotheses diverged .*: \d+, \d+") as caught:
        ensemble = space.train(task, 12, seed=0)
    bad = np.flatnonzero(~np.isfinite(ensemble.train_loss))
    assert 0 < len(bad) < 12
    np.testing.assert_array_equal(ensemble.diverged, bad)
    assert f"{len(bad)} of 12" in str(caught[0].message)
    assert f"{len(bad)} diverged" in repr(ensemble) and "nan" not in repr(ensemble)
    assert len(ensemble.fitted(1e9)) == 12 - len(bad)
    np.testing.assert_array_equal(ensemble.test_error_rate[bad], 1.0)
    with pytest.warns(UserWarning, match="diverged"):
        losses = space.sample_losses(task, 12, seed=0)
    np.testing.assert_array_equal(np.isnan(losses), ~np.isfinite(ensemble.train_loss))
    with pytest.warns(UserWarning, match="diverged"):
        early = make(SometimesHuge, optimizer="sgd", lr=0.01, stop_at=1e-9).train(task, 12, seed=0)
    np.testing.assert_array_equal(early.epochs[bad], 1)  # no time is spent on them
    with pytest.raises(ValueError, match="all 2 networks of 'huge' diverged"):
        law = ib.laws.ScaledNoncentralChi2(5, 1, 0.01)
        with warnings.catch_warnings(action="ignore"):
            ib.compare.models(
                task, law, {"huge": make(lr=1e30, optimizer="sgd", epochs=9)}, n_networks=2, seed=0
            )


# Memory


def test_when_memory_runs_out_the_chunk_is_halved_with_a_warning(task, monkeypatch):
    expected = make(chunk=3).train(task, 10, seed=0)

    def greedy(stack, *args, **options):
        options["tick"](len(stack))
        if len(stack) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(stack, *args, **options)

    real = space_module.train
    monkeypatch.setattr(space_module, "train", greedy)
    with pytest.warns(UserWarning, match="not enough memory to train") as caught:
        ensemble = make(chunk=10).train(task, 10, seed=0)
    said = " ".join(str(w.message) for w in caught)
    assert [int(n) for n in re.findall(r"train (\d+) networks together", said)] == [10, 5]
    np.testing.assert_allclose(ensemble.test_loss, expected.test_loss, rtol=1e-5)

    monkeypatch.setattr(space_module, "train", lambda *a, **o: np.empty(10**14))
    with (
        pytest.raises(MemoryError, match="not enough memory to train a single network"),
        pytest.warns(UserWarning, match="half as many"),
    ):
        make().train(task, 2, seed=0)


MEMORY = """
import resource, sys, warnings
import ibhelpers as ib, torch
torch.set_num_threads(1)
warnings.simplefilter("always")
task = ib.tasks.load("digits", n_train=40, n_test=20)
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
def space(chunk, width=256): return ib.NetworkSpace(
    ib.networks.mlp(width=width), epochs=1, batch_size=20, chunk=chunk)
space("auto").train(task, 2, seed=0)
start, chunk = peak(), space("auto").chunk_for(task)
space("auto").train(task, chunk.size, seed=0)
one = peak()
space("auto").train(task, 5 * chunk.size, seed=0)
print(chunk.bytes, one - start, peak() - one)
hard = resource.getrlimit(resource.RLIMIT_AS)[1]
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 500 * 2**20, hard))
with warnings.catch_warnings(record=True) as caught:
    found = space(800).train(task, 800, progress=False, seed=0)
print(len(found), sum("not enough memory" in str(w.message) for w in caught))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_stays_within_the_chunks_budget_for_any_n_and_real_shortage_is_survived():
    lines = subprocess.run(
        [sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    stated, first, later = map(int, lines[0].split())
    assert first < 1.5 * stated
    assert later < 0.25 * stated  # five chunks take no more than one, but for fragmentation
    trained, halvings = map(int, lines[1].split())
    assert trained == 800 and halvings >= 1


# Checkpoints


def assert_same(a, b):
    for name in (
        "train_loss",
        "test_loss",
        "train_error_rate",
        "test_error_rate",
        "epochs",
        "test_curve",
    ):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_a_checkpoint_is_gone_on_from_and_extended_and_cut(task, tmp_path, monkeypatch):
    file, expected = tmp_path / "run.npz", make().train(task, 6, seed=0)
    first = make().train(task, 2, checkpoint=file, seed=0)
    assert_same(make().train(task, 6, checkpoint=file, seed=0), expected)
    monkeypatch.setattr(space_module, "train", None)  # nothing is left to train
    again = make().train(task, 6, checkpoint=file, seed=0)
    assert_same(again, expected)
    assert again.seconds > first.seconds
    np.testing.assert_array_equal(make().train(task, 3, checkpoint=file, seed=0).index, range(3))
    assert [f.name for f in tmp_path.iterdir()] == ["run.npz"]
    np.load(file, allow_pickle=False)["identity"].item()  # text, not pickle


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 0.5}, "lr is 0.001 there and 0.5 here"),
        ({"epochs": 3}, "epochs is 2 there and 3 here"),
        ({"optimizer": "sgd"}, "optimizer is 'adam' there and 'sgd' here"),
        ({"schedule": "cosine"}, "schedule is 1 1 1"),
        ({"optimizer_options": {"eps": 1e-3}}, "optimizer_options is .* there and .*eps"),
        ({"dtype": torch.float64}, "dtype is torch.float32 there"),
        ({"architecture": networks.mlp(width=5, depth=1)}, "architecture"),
        (
            {"architecture": lambda task: Scaled(task)},
            "computation is",
        ),
    ],
)
def test_a_checkpoint_of_another_configuration_is_refused(task, tmp_path, change, message):
    file = tmp_path / "run.npz"
    make().train(task, 2, checkpoint=file, seed=0)
    with pytest.raises(ValueError, match=f"belongs to another run: .*({message})"):
        make(**change).train(task, 2, checkpoint=file, seed=0)


class Scaled(nn.Sequential):
    """Prints as the default network of these tests, and computes something else."""

    def __init__(self, task):
        super().__init__(nn.Linear(64, 4), nn.ReLU(), nn.Linear(4, 10))

    def forward(self, x):
        return 2 * super().forward(x)

    def _get_name(self):
        return "Sequential"


def test_a_checkpoint_of_another_task_or_seed_is_refused(task, tmp_path):
    file = tmp_path / "run.npz"
    make().train(task, 2, checkpoint=file, seed=0)
    other = ib.tasks.load("digits", n_train=40, n_test=20, seed=1)
    with pytest.raises(ValueError, match=r"another run: .*X_train is float64 .40, 64.*y_test"):
        make().train(other, 2, checkpoint=file, seed=0)
    with pytest.raises(ValueError, match="seed is 0 there and 1 here"):
        make().train(task, 2, seed=1, checkpoint=file)
    with pytest.raises(ValueError, match="outputs is False there and True here"):
        make().train(task, 2, outputs=True, checkpoint=file, seed=0)


class Mischief:
    """A pickle of this runs code when it is loaded."""

    done = False

    def __reduce__(self):
        return (setattr, (Mischief, "done", True))


def test_truncated_damaged_and_foreign_files_are_refused(task, tmp_path):
    file = tmp_path / "run.npz"
    make().train(task, 2, checkpoint=file, seed=0)
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    broken = [whole[: len(whole) * k // 10] for k in range(10)] + [bytes(flipped), b"PK junk"]
    for content in broken:
        file.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"'.*run.npz' is truncated, damaged, or no checkpoint"
        ):
            make().train(task, 2, checkpoint=file, seed=0)
        assert file.read_bytes() == content  # left for its owner to look at
    np.savez(file, mine=np.arange(3))
    with pytest.raises(ValueError, match="no checkpoint"):
        make().train(task, 2, checkpoint=file, seed=0)
    np.savez(file, format=np.array([Mischief()], dtype=object))
    with pytest.raises(ValueError, match="no checkpoint"):
        make().train(task, 2, checkpoint=file, seed=0)
    assert not Mischief.done
    for bad in (tmp_path, tmp_path / "nowhere" / "run.npz"):
        with pytest.raises(ValueError, match=r"checkpoint: .*cannot be written as a file"):
            make().train(task, 2, checkpoint=bad, seed=0)


def test_a_full_disk_does_not_stop_the_run(task, tmp_path):
    file, expected = tmp_path / "run.npz", make().train(task, 6, seed=0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # a real write error
    try:
        with pytest.warns(UserWarning, match="could not be written .*goes on in memory") as caught:
            found = make().train(task, 6, checkpoint=file, seed=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(caught) == 1
    assert_same(found, expected)
    assert list(tmp_path.iterdir()) == []


def test_two_runs_on_one_file_leave_it_whole(task, tmp_path):
    """Two objects that write in turn into the same file, as two processes do."""
    file = tmp_path / "run.npz"
    one, other = (Checkpoint(file, {"seed": "0"}) for _ in range(2))
    columns = {"train_loss": np.arange(3.0)}
    with one._replacing() as half:
        half.write(b"half of one")
        other.save(columns, 1.0)
        assert len(list(tmp_path.glob("*.tmp"))) == 1  # the half, which nobody else may remove
        Checkpoint(file, {"seed": "0"})
        assert len(list(tmp_path.glob("*.tmp"))) == 1
        np.testing.assert_array_equal(other.load()[0]["train_loss"], columns["train_loss"])
    (tmp_path / "run.npz.abandoned.tmp").write_bytes(b"of a run that was killed")
    Checkpoint(file, {"seed": "0"})
    assert os.listdir(tmp_path) == ["run.npz"]


def test_a_link_stays_a_link(task, tmp_path):
    (tmp_path / "disk").mkdir()
    link, file = tmp_path / "run.npz", tmp_path / "disk" / "run.npz"
    link.symlink_to(file)
    found = make().train(task, 2, seed=0, checkpoint=link)
    assert link.is_symlink() and file.is_file() and not file.is_symlink()
    assert_same(make().train(task, 2, seed=0, checkpoint=file), found)
    assert os.listdir(tmp_path / "disk") == ["run.npz"]


def test_bodies_that_differ_are_told_apart_where_the_head_starts_at_zero(task, tmp_path):
    class Body(nn.Sequential):
        def __init__(self, factor):
            super().__init__(nn.Linear(64, 4), nn.Tanh(), nn.Linear(4, 10))
            self.factor = factor
            nn.init.zeros_(self[2].weight)
            nn.init.zeros_(self[2].bias)

        def forward(self, x):
            return self[2](self.factor * self[1](self[0](x)))

    file = tmp_path / "run.npz"
    make(lambda task: Body(1.0)).train(task, 2, seed=0, checkpoint=file)
    with pytest.raises(ValueError, match="belongs to another run: computation"):
        make(lambda task: Body(2.0)).train(task, 2, seed=0, checkpoint=file)


class Multiplied(nn.Sequential):
    """A body that multiplies by a number that no parameter and no text shows."""

    def __init__(self, factor: float) -> None:
        super().__init__(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        nn.init.zeros_(self[2].weight)
        self.factor = factor

    def forward(self, X):
        return self[2](self.factor * self[1](self[0](X)))


@pytest.mark.parametrize("factor", [1.0005, 1.00003])
def test_a_checkpoint_of_nearly_the_same_computation_is_refused(tmp_path, factor):
    X = np.random.default_rng(0).normal(size=(9, 2))
    task = ib.Task(X, X[:, :1] * X[:, 1:], X, X[:, :1] * X[:, 1:])

    def trained(factor, name):
        space = ib.NetworkSpace(lambda task: Multiplied(factor), lr=0.1, epochs=2, batch_size=3)
        return space.train(task, 2, seed=0, checkpoint=tmp_path / name, progress=False)

    one, other = trained(1.0, "one"), trained(factor, "other")
    assert not np.array_equal(one.test_loss, other.test_loss)
    np.testing.assert_array_equal(trained(1.0, "one").test_loss, one.test_loss)
    with pytest.raises(ValueError, match="belongs to another run: computation"):
        trained(factor, "one")


@pytest.mark.parametrize(
    "architecture",
    [
        networks.linear(),
        networks.mlp(width=3, parameterisation="ntk", train="readout"),
        networks.cnn(channels=(2,)),
        networks.vit(patch=4, dim=4, depth=1, heads=1),
        networks.resnet(channels=2, blocks=1),
    ],
    ids=repr,
)
def test_spaces_and_ensembles_can_be_pickled(task, architecture):
    space = make(architecture)
    again = pickle.loads(pickle.dumps(space))
    ensemble = space.train(task, 2, seed=0)
    assert repr(again) == repr(space)
    assert_same(again.train(task, 2, seed=0), ensemble)
    assert_same(pickle.loads(pickle.dumps(ensemble)), ensemble)


def test_the_task_is_looked_at_for_a_checkpoint_only(task, tmp_path, monkeypatch):
    looks = []
    monkeypatch.setattr(space_module, "task_identity", lambda task: looks.append(task) or {})
    make().train(task, 2, seed=0)
    assert not looks
    make().train(task, 2, seed=0, checkpoint=tmp_path / "run.npz")
    assert len(looks) == 1


def test_the_bar_of_a_notebook_is_half_full_when_half_is_done(monkeypatch):
    bars = []

    def bar(**options):
        bars.append(notebook.tqdm(**options | {"delay": 0, "mininterval": 0, "display": False}))
        return bars[-1]

    monkeypatch.setattr(space_module, "tqdm", bar)
    moving = space_module._Bar(10, 4, shown=True)
    moving.advance(20)
    _, inside, _ = bars[0].container.children
    bars[0].refresh()
    assert (inside.value, inside.max) == (5, 10)
    moving.set(40)
    assert bars[0].n == 10
    moving.close()


def test_the_bar_never_goes_back_where_some_networks_do_not_count(task, monkeypatch):
    shown = []

    class Noted(tqdm):
        def update(self, n=1):
            super().update(n)
            shown.append(self.n)

    monkeypatch.setattr(space_module, "tqdm", Noted)
    reached = make().train(task, 20, seed=0).train_loss
    space = make(max_train_loss=float(np.quantile(reached, 0.4)))
    del shown[:]
    assert len(space.sample_losses(task, 20, seed=0)) == 20
    assert shown == sorted(shown) and len(set(shown)) > 5 and shown[-1] == 20


def test_a_run_that_is_killed_at_any_moment_ends_with_the_same_numbers(task, tmp_path):
    file, space, sizes = tmp_path / "run.npz", make(epochs=4), [0]
    options = {"seed": 0, "checkpoint": file, "progress": False}
    fork, rng = multiprocessing.get_context("fork"), np.random.default_rng(0)
    patience = 0.5  # seconds; longer where a machine under load finishes nothing in them
    while len(sizes) < 12 or sizes[-1] == 0:
        run = fork.Process(target=space.train, args=(task, 10**6), kwargs=options)
        run.start()
        run.join(patience * rng.random())
        run.kill()
        run.join()
        assert run.exitcode == -signal.SIGKILL  # and not of itself
        patience *= 1.0 if file.exists() else 1.5
        if file.exists():
            with np.load(file) as found:  # whole at every moment
                sizes.append(len(found["train_loss"]))
    assert sizes == sorted(sizes)  # nothing that was finished is lost
    n = sizes[-1] + 6
    assert_same(space.train(task, n, **options), space.train(task, n, seed=0))
    assert os.listdir(tmp_path) == ["run.npz"]


def test_ctrl_c_returns_what_is_finished(task, tmp_path):
    calls = []

    def schedule(progress):
        calls.append(progress)
        if len(calls) == 64 + 3 * 10 + 5:  # in the fourth chunk; 64 are of the configuration
            signal.raise_signal(signal.SIGINT)
            time.sleep(3)  # Ctrl-C reaches the main thread, which stops this one
        return 1.0

    file, space = tmp_path / "run.npz", make(schedule=schedule)
    with pytest.warns(UserWarning, match="interrupted: 6 of 10 hypotheses are finished"):
        found = space.train(task, 10, checkpoint=file, seed=0)
    assert (len(found), found.drawn) == (6, 6)
    assert_same(space.train(task, 10, checkpoint=file, seed=0), make().train(task, 10, seed=0))
    calls[:] = range(64)  # without a checkpoint, none are of the configuration
    with pytest.raises(KeyboardInterrupt), pytest.warns(UserWarning, match="interrupted"):
        space.sample_losses(task, 10, seed=0)  # fewer are no sample of 10
    calls[:] = range(64 + 30)
    with pytest.raises(KeyboardInterrupt):  # nothing is finished
        make(schedule=schedule, chunk=10).train(task, 10, seed=0)


class Tired(nn.Module):
    """Gives half of its outputs from a certain call on."""

    def __init__(self, task, calls):
        super().__init__()
        self.layer, self.left = nn.Linear(task.n_inputs, task.n_outputs), calls

    def forward(self, x):
        self.left -= 1
        return self.layer(x) * (0.5 if self.left < 0 else 1.0)


@pytest.mark.parametrize("batch_size", [8, None])
def test_a_network_that_changes_long_after_it_was_compared_is_refused(task, batch_size):
    """Whenever it changes: the losses are those of the network as it was, or none."""
    settings = {"epochs": 6, "batch_size": batch_size, "optimizer": "sgd", "lr": 0.1}
    true = make(lambda task: Tired(task, 10**9), **settings).sample_losses(task, 3, seed=0)
    refused = 0
    for calls in (4, 8, 12, 16, 20, 28, 36):
        space = make(lambda task, calls=calls: Tired(task, calls), **settings)
        try:
            found = space.sample_losses(task, 3, seed=0)
        except ValueError as error:
            refused += "after training, a network gives other outputs" in str(error)
        else:
            np.testing.assert_array_equal(found, true)
    assert refused
