"""The second noun, by training: hypotheses that gradient descent reaches from random weights."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from .._arguments import available_device, by_name, non_negative, seed_of, whole
from .._cluster import answers_of, in_their_order, refuse_what_is_no_client
from .._fork import refuse_orphans
from .._progress import visible
from .._typed import typed
from .._warnings import warn
from ..spaces import Hypotheses, Loss, loss_function
from ..tasks import Task
from ._diagnosis import as_module, check_architecture, refuse_no_architecture
from ._initialisers import InitialWeights
from ._map import hypotheses_of
from ._memory import Chunk, choose_chunk, is_out_of_memory
from ._optimizers import Schedule
from ._randomness import order_of, weights_of
from ._recipe import Recipe
from ._stack import Build, Stack
from ._threads import Tick, in_order
from ._training import Columns, Examples, examples, train
from ._verification import verified
from .checkpoint import Checkpoint, Identity, fingerprint, task_identity
from .ensemble import TrainedEnsemble

_DTYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class _Run:
    """What all chunks of one run have in common."""

    learn: Examples
    test: Examples
    seed: int
    build: Build
    chunk: Chunk
    curves: bool
    outputs: bool


class NetworkSpace:
    """Networks of one architecture, trained on the task from random weights in random order.

    p_h is the law of the trained network over its initial weights and its data order. Hypothesis i
    is a function of (seed, i) alone: it is the same to the last bit on one device with the same
    chunk, and up to rounding errors, which training may amplify, across chunks and devices.

    Parameters
    ----------
    architecture : callable
        From a Task to a new ``torch.nn.Module`` that maps inputs (b, d) to outputs (b, k) and is
        initialised by torch's random numbers; see `ibhelpers.networks.mlp` and its neighbours. Any
        module that treats every example by itself will do.
    optimizer : {"sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop"}
        Of torch.optim; momenta are 0.9.
    lr : float
        Learning rate, at the start of the schedule.
    epochs : int
        How often a network sees the training set.
    batch_size : int or None
        Examples a step, the last of an epoch excepted; None takes the whole set in every step.
    loss : {"mse", "cross_entropy"}
        What is minimised, and what `TrainedEnsemble` reports: the mean squared error over examples
        and outputs, or the cross-entropy of logits in nats.
    weight_decay : float
        As the optimizer understands it (an L2 penalty; decoupled for "adamw").
    schedule : {"constant", "cosine", "linear"} or callable
        Factor of the learning rate, from the fraction in [0, 1) of the steps that were taken.
    stop_at : float, optional
        A network stops at the end of the first epoch after which its training loss is at most this.
    optimizer_options : mapping, optional
        Further arguments for torch's optimizer, such as ``{"betas": (0.9, 0.99)}``.
    device : str or torch.device, optional
        Where to train, such as ``"cuda"``; the CPU when not given.
    dtype : torch.dtype
        torch.float32 or torch.float64.
    chunk : int or "auto"
        How many networks are stacked and trained together. "auto" takes as many as fit in 32 MiB
        on a CPU, where more is slower, and in 8 GiB or a quarter of the free memory on a GPU; and
        no more than leave a chunk for every thread.
    max_train_loss : float, optional
        The training loss up to which a network counts as fitted. Others are no hypotheses of the
        space: `sample_losses` and rare events leave them out, while `train` returns them all.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the device is not there.

    Notes
    -----
    On a CPU each chunk is trained on one thread, and as many chunks at a time as
    ``torch.get_num_threads()`` says; ``torch.set_num_threads`` leaves cores to other programs.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=100, n_test=100)
    >>> space = ib.NetworkSpace(ib.networks.mlp(width=16, depth=1), lr=0.01, batch_size=20)
    >>> ensemble = space.train(task, n=8, seed=0)
    >>> ensemble.train_loss.shape, ensemble.test_curve.shape
    ((8,), (8, 20))
    >>> bool((ensemble.train_loss < ensemble.test_loss).all())
    True
    """

    def __init__(
        self,
        architecture: Callable[[Task], nn.Module],
        *,
        optimizer: str = "adam",
        lr: float = 1e-3,
        epochs: int = 20,
        batch_size: int | None = 50,
        loss: str = "mse",
        weight_decay: float = 0.0,
        schedule: str | Schedule = "constant",
        stop_at: float | None = None,
        optimizer_options: Mapping[str, Any] | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        chunk: int | str = "auto",
        max_train_loss: float | None = None,
    ) -> None:
        refuse_no_architecture(architecture)
        if not isinstance(dtype, torch.dtype) or dtype not in _DTYPES:
            raise ValueError(f"dtype: found {dtype!r}; give torch.float32 or torch.float64.")
        self.architecture = architecture
        self.recipe = Recipe(
            optimizer=optimizer,
            lr=lr,
            epochs=epochs,
            batch_size=batch_size,
            loss=loss,
            weight_decay=weight_decay,
            schedule=schedule,
            stop_at=stop_at,
            optimizer_options=by_name(
                "optimizer_options",
                {} if optimizer_options is None else optimizer_options,
                "{'momentum': 0.9}",
            ),
        )
        self.device, self.dtype = available_device(device), dtype
        automatic = isinstance(chunk, str) and chunk == "auto"
        self.chunk = None if automatic else whole("chunk", chunk, at_least=1)
        if max_train_loss is not None:
            max_train_loss = non_negative("max_train_loss", max_train_loss)
        self.max_train_loss = max_train_loss

    def __repr__(self) -> str:
        """Say what the space is in one line."""
        r, limit = self.recipe, self.max_train_loss
        fitted = "" if limit is None else f"max_train_loss={limit:g}, "
        return (
            f"NetworkSpace({self.architecture!r}, optimizer={r.optimizer!r}, lr={r.lr:g}, "
            f"epochs={r.epochs}, batch_size={r.batch_size}, loss={r.loss!r}, {fitted}"
            f"device='{self.device}')"
        )

    if not TYPE_CHECKING:  # which shall still know what is no attribute

        def __getattr__(self, name: str) -> NoReturn:
            """Say what to ask instead, where every other space has an exact law."""
            found = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name == "loss_law":
                found += (
                    ": the law of trained networks is not known exactly, but for linear ones "
                    "(ibhelpers.networks.linear_law). Draw "
                    "space.sample_losses(task, n, seed=0) and give them to "
                    "ibhelpers.laws.Empirical, or ask ibhelpers.InfiniteNetworkSpace(depth) for "
                    "the exact law at infinite width."
                )
            raise AttributeError(found)

    @typed
    def chunk_for(self, task: Task) -> Chunk:
        """How many networks are trained together on a task, and the memory that they take.

        Raises
        ------
        ValueError
            If the architecture does not fit the task; the message names the module.
        """
        return self._prepare(task, 0, curves=True, outputs=False).chunk

    @typed
    def train(
        self,
        task: Task,
        n: int,
        *,
        seed: int,
        curves: bool = True,
        outputs: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        progress: bool = True,
        client: Any = None,
    ) -> TrainedEnsemble:
        """Train hypotheses 0 to n - 1 and return what became of them.

        Interrupted by Ctrl-C it returns those that are finished.

        Parameters
        ----------
        task : Task
            What to learn.
        n : int
            Number of hypotheses.
        seed : int
            Of the initial weights and the data orders.
        curves : bool
            Whether to judge the networks after every epoch, and not only at the end.
        outputs : bool
            Whether to keep the outputs at the test points: n m k numbers.
        checkpoint : path-like, optional
            An npz file that receives finished hypotheses after every chunk. A run that was killed
            goes on from there and loses at most the chunks in flight; a larger n adds hypotheses.
        progress : bool
            Whether to show a progress bar, once training has taken two seconds.
        client : dask.distributed.Client, optional
            On whose workers to train, a chunk to a task: the same hypotheses, as long as the chunk
            is. A worker that dies costs the chunks that it had. Needs
            ``pip install ibhelpers[cluster]``.

        Raises
        ------
        ValueError
            If n or the seed is out of its range, the batch is larger than the training set, the
            architecture does not fit the task, or the checkpoint is damaged or of another run.
        MemoryError
            If there is not enough memory to train a single network.
        ImportError
            If a client is given and Dask is not installed.

        Warns
        -----
        UserWarning
            If hypotheses diverged (how many, and which); if memory ran out and the chunk was
            halved; if the checkpoint could not be written; if training was interrupted.
        """
        refuse_orphans()
        n, seed = whole("n", n, at_least=1), seed_of(seed)
        if client is not None:
            refuse_what_is_no_client(client)
        run = self._prepare(task, seed, curves=curves, outputs=outputs, n=n)
        file = None if checkpoint is None else Checkpoint(checkpoint, self._identity(task, run))
        done, before = file.load() if file else ({}, 0.0)
        started = time.perf_counter()
        bar = _Bar(n, self.recipe.epochs, shown=progress)
        bar.set(min(n, _count(done)) * self.recipe.epochs)
        try:
            with closing(self._parts(run, range(_count(done), n), bar, client)) as parts:
                for part in parts:
                    done = part if not done else _joined(done, part)
                    if file:
                        file.save(done, before + time.perf_counter() - started)
        except KeyboardInterrupt:
            if not done:
                raise
            warn(f"interrupted: {_count(done)} of {n} hypotheses are finished and are returned.")
        finally:
            bar.close()
        done = {name: values[:n] for name, values in done.items()}  # a checkpoint may hold more
        ensemble = TrainedEnsemble(
            index=np.arange(_count(done)),
            drawn=_count(done),
            seconds=before + time.perf_counter() - started,
            **done,
        )
        _warn_of_divergence(ensemble)
        return ensemble

    @typed
    def sample_losses(
        self,
        task: Task,
        n: int,
        *,
        seed: int,
        loss: Loss = "mse",
        progress: bool = True,
        client: Any = None,
    ) -> np.ndarray:
        """Test losses of n trained networks, shape (n,), as of `GaussianSpace.sample_losses`.

        Parameters
        ----------
        task : Task
            What to learn.
        n : int
            Number of hypotheses.
        seed : int
            Of the initial weights and the data orders.
        loss : {"mse", "zero_one"} or callable
            Of the outputs at the test points, whatever the networks were trained with; see
            `GaussianSpace.sample_losses`. The loss of a network that diverged is NaN. With a
            ``max_train_loss`` the losses are those of the first n hypotheses that count as fitted.
        progress : bool
            Whether to show a progress bar.
        client : dask.distributed.Client, optional
            As for `train`.

        Raises
        ------
        ValueError, MemoryError, ImportError
            As for `train`; if fewer than one hypothesis in a thousand counts as fitted.
        KeyboardInterrupt
            If interrupted: fewer losses than were asked for are no sample of n.
        """
        evaluate = loss_function(loss, task)
        of_training = isinstance(loss, str) and loss in ("zero_one", self.recipe.loss)
        ensemble = self._members(
            task, n, seed, outputs=not of_training, progress=progress, client=client
        )
        ok = ~np.isin(ensemble.index, ensemble.diverged)
        losses = np.full(n, np.nan)
        if of_training:
            reported = {"mse": "test_loss", "zero_one": "test_error_rate"}
            losses[ok] = getattr(ensemble, reported[str(loss)])[ok]
        elif ok.any():
            losses[ok] = evaluate(torch.from_numpy(ensemble.outputs[ok])).numpy()
        return losses

    def _members(
        self,
        task: Task,
        n: int,
        seed: int,
        *,
        outputs: bool,
        progress: bool,
        client: Any = None,
    ) -> TrainedEnsemble:
        """The first n hypotheses; the first n that count as fitted, where there is a limit."""
        if self.max_train_loss is None:
            ensemble = self.train(
                task, n, seed=seed, curves=False, outputs=outputs, progress=progress, client=client
            )
            if len(ensemble) < n:
                raise KeyboardInterrupt
            return ensemble
        refuse_orphans()
        n = whole("n", n, at_least=1)
        run = self._prepare(task, seed_of(seed), curves=False, outputs=outputs, n=n)
        kept: Columns = {}
        drawn, began = 0, time.perf_counter()
        with closing(_Bar(n, self.recipe.epochs, shown=progress)) as bar:
            bar.share = 0.25  # until it is known how many count
            while (have := _count(kept)) < n:
                if drawn > 10_000 and have < drawn / 1000:
                    raise ValueError(
                        f"max_train_loss: found {self.max_train_loss:g}, which {have} of {drawn:,} "
                        "hypotheses reach, too few to sample from; train for more epochs, or raise "
                        "the limit."
                    )
                numbers = range(drawn, drawn + n - have)
                for part in self._parts(run, numbers, bar, client):
                    part["index"] = np.arange(drawn, drawn + _count(part))
                    drawn += _count(part)
                    fits = (part["train_loss"] <= self.max_train_loss) & np.isfinite(
                        part["test_loss"]
                    )
                    part = {name: values[fits] for name, values in part.items()}
                    kept = part if not kept else _joined(kept, part)
                    bar.share = _count(kept) / drawn
                bar.set(_count(kept) * self.recipe.epochs)
        return TrainedEnsemble(**kept, drawn=drawn, seconds=time.perf_counter() - began)

    @typed
    def hypotheses(self, task: Task) -> Hypotheses:
        """The map from normal variables to trained networks, for rare events.

        The first variables give the initial weights: normal ones as they are, uniform ones by the
        normal distribution function, and the initialiser makes of them what it always does. The
        others, one an example and epoch, give the data order by their ranks; with
        ``batch_size=None`` there are none, as the order is of no consequence.

        Raises
        ------
        ValueError
            If the architecture does not fit the task, or draws its weights in another way.
        """
        refuse_orphans()
        run = self._prepare(task, 0, curves=False, outputs=True)
        return hypotheses_of(
            self.initial_weights(task), run.learn, run.test, self.recipe, run.chunk,
            limit=self.max_train_loss,
        )  # fmt: skip

    @typed
    def identity(self, task: Task) -> Identity:
        """Everything that a trained hypothesis of a task depends on beside its random numbers."""
        run = self._prepare(task, 0, curves=False, outputs=True)
        return self._identity(task, run) | {"max_train_loss": repr(self.max_train_loss)}

    @typed
    def initial_weights(self, task: Task) -> InitialWeights:
        """The map from normal variables to the weights that training starts from."""
        return InitialWeights(
            lambda: as_module(self.architecture(task)), lambda i: weights_of(0, i)
        )

    def _prepare(
        self, task: Task, seed: int, *, curves: bool, outputs: bool, n: int | None = None
    ) -> _Run:
        """Check the architecture on the task; settle what all chunks have in common."""
        self.recipe.check(task)
        build = partial(self._build, task, seed)
        data = examples(task, "train", torch.device("cpu"), self.dtype)
        first = check_architecture(build, task, data, self.recipe)
        chunk = choose_chunk(first, data, self.recipe, self.chunk, self.device, n)
        learn = data.to(self.device)
        test = examples(task, "test", self.device, self.dtype)
        return _Run(learn, test, seed, build, chunk, curves, outputs)

    def _build(self, task: Task, seed: int, i: int) -> nn.Module:
        """Network i, as it is before training."""
        with weights_of(seed, i):
            return as_module(self.architecture(task)).to("cpu", self.dtype)

    def _identity(self, task: Task, run: _Run) -> Identity:
        """Everything that hypotheses depend on, which takes a look at all numbers of the task."""
        first = run.build(0)
        return {
            "architecture": repr(first),
            "seed": str(run.seed),
            "dtype": str(self.dtype),
            "curves": str(run.curves),
            "outputs": str(run.outputs),
            **self.recipe.describe(),
            **task_identity(task),
            "computation": fingerprint(first.double(), run.learn.X[:16].cpu().double()),
        }

    def _parts(
        self, run: _Run, numbers: range, bar: _Bar, client: Any = None
    ) -> Generator[Columns, None, None]:
        """Yield finished chunks of hypotheses; when memory runs out, halve the chunk and go on."""
        if client is not None:
            yield from self._parts_of_workers(run, numbers, bar, client)
            return
        work, size, at_once = partial(self._train, run), run.chunk.size, run.chunk.at_once
        while numbers:
            shown = bar.epochs_done
            parts = self._stacks(run, numbers, size)
            ahead = int(self.device.type != "cpu")  # built while the card trains
            try:
                with closing(in_order(work, parts, at_once, bar.advance, ahead=ahead)) as finished:
                    for part in finished:
                        yield part
                        numbers = numbers[_count(part) :]
                        shown += bar.share * _count(part) * self.recipe.epochs
                return
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Only here, where the error is gone, are the tensors that it held.
            bar.set(shown)
            size, at_once = _halved(len(numbers[:size]), at_once)

    def _parts_of_workers(
        self, run: _Run, numbers: range, bar: _Bar, client: Any
    ) -> Generator[Columns, None, None]:
        """The same chunks, each a task of its own."""
        size = run.chunk.size
        chunks = [numbers[start : start + size] for start in range(0, len(numbers), size)]
        with closing(answers_of(client, partial(self._whole, run), chunks)) as answers:
            for part in in_their_order(answers):
                bar.advance(_count(part) * self.recipe.epochs)
                yield part

    def _whole(self, run: _Run, numbers: range) -> Columns:
        """What becomes of some hypotheses, trained here."""
        found: Columns = {}
        with closing(_Bar(len(numbers), self.recipe.epochs, shown=False)) as bar:
            for part in self._parts(run, numbers, bar):
                found = part if not found else _joined(found, part)
        return found

    def _stacks(self, run: _Run, numbers: range, size: int) -> Iterator[tuple[range, Stack]]:
        """Build chunk after chunk, when there is a thread for it."""
        for start in range(0, len(numbers), size):
            part = numbers[start : start + size]
            networks = verified(
                (run.build(i) for i in part),
                part.start,
                run.learn,
                self.recipe,
                self.device,
                every=start == 0,
            )
            yield part, Stack(networks, len(part), self.device, self.dtype)

    def _train(self, run: _Run, part: tuple[range, Stack], tick: Tick) -> Columns:
        numbers, stack = part
        return train(
            stack,
            run.learn,
            run.test,
            self.recipe,
            [order_of(run.seed, i) for i in numbers],
            rows=run.chunk.rows,
            curves=run.curves,
            outputs=run.outputs,
            tick=tick,
        )


def _halved(size: int, at_once: int) -> tuple[int, int]:
    if size > 1:
        tried, size = f"{size} networks together", size // 2
        advice = f"chunk={size}"
    elif at_once > 1:
        tried, at_once = f"on {at_once} threads", at_once // 2
        advice = f"torch.set_num_threads({at_once})"
    else:
        raise MemoryError(
            "not enough memory to train a single network; use a smaller batch_size or architecture."
        )
    warn(
        f"not enough memory to train {tried}; going on with half as many. Use {advice} to start "
        "with that."
    )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return size, at_once


class _Bar:
    """A progress bar that counts networks, and moves with every epoch of each.

    Where only a share of the networks counts, an epoch moves it by so much less. Where that turns
    out to have been too much, or memory ran out, it waits: it never goes back.
    """

    def __init__(self, networks: int, epochs: int, *, shown: bool) -> None:
        self.epochs, self.epochs_done, self.share = epochs, 0.0, 1.0
        # Counted in networks, not scaled to them: the bar of a notebook would scale its length and
        # not what is done of it.
        self.bar = tqdm(
            total=networks,
            unit="network",
            disable=not visible(shown),
            delay=2,
            leave=False,
            desc="training",
            bar_format="{desc} {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} "
            "[{elapsed}<{remaining}, {rate_fmt}]",
        )

    def advance(self, epochs: int) -> None:
        """Say how many epochs of one network have been finished since."""
        self.set(self.epochs_done + self.share * epochs)

    def set(self, epochs: float) -> None:
        """Say how many epochs of networks that count have been finished in all."""
        self.epochs_done = epochs
        self.bar.update(max(0.0, epochs / self.epochs - self.bar.n))

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()


def _count(columns: Columns) -> int:
    return len(columns["train_loss"]) if columns else 0


def _joined(done: Columns, part: Columns) -> Columns:
    return {name: np.concatenate([done[name], part[name]]) for name in done}


def _warn_of_divergence(ensemble: TrainedEnsemble) -> None:
    which = ensemble.diverged
    if len(which):
        named = ", ".join(str(i) for i in which[:10]) + (", ..." if len(which) > 10 else "")
        warn(
            f"{len(which)} of {len(ensemble)} hypotheses diverged (their loss is not finite): "
            f"{named}. They are in no average, and fitted() leaves them out; a lower lr may "
            "keep them."
        )
