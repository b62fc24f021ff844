"""The second noun: hypothesis spaces whose hypotheses are draws of a Gaussian process."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import (
    ArrayLike,
    available_device,
    non_negative,
    positive,
    several,
    torch_generator_of,
    whole,
)
from .._fork import refuse_orphans
from .._memory import in_words
from .._progress import progress_bar
from .._typed import typed
from ..kernels import RBF, FunctionKernel, Kernel, is_fixed
from ..laws import GeneralizedChi2, ProbedChi2, Resolution
from ..tasks import Task
from . import _fit, _tiles
from ._conditioning import (
    JITTERS,
    Conditioned,
    Conditioning,
    NotPositiveDefiniteError,
    covariance_times,
    memory_needed,
    memory_of_products,
)
from ._evidence import Evidence, LeaveOneOut
from ._place import place_of
from ._precise import is_within_reach, precise_evidence, precise_law, precise_posterior
from ._refusals import (
    errors_of_evidence,
    not_positive_definite,
    refuse_derivatives,
    refuse_removals,
    refuse_what_cannot_fit,
    refuse_what_has_no_answer,
    refuse_what_is_told_apart_by_rounding,
    warn_of_evidence,
    warn_of_jitter,
    warn_of_silence,
)
from ._validated import choose_by_bits
from .assessment import Assessment
from .choice import Choice
from .hypothesis_space import Hypotheses
from .losses import Loss, loss_function
from .posterior import (
    EPS,
    Posterior,
    Spectrum,
    warn_of_rounding,
    warn_of_small_residuals,
)
from .removals import Removals
from .sensitivity import Sensitivity

_CERTAIN = 1e-6  # relative errors below which small tasks keep what float64 gives of the evidence
Eliminated = TypeVar("Eliminated", bound=Conditioned)


class GaussianSpace:
    r"""Hypotheses drawn from a Gaussian process that was conditioned on the training set.

    A priori each of the k outputs is an independent Gaussian process with mean zero and covariance
    κ(x, x'). A posteriori the outputs at the m test points are normal with

    .. math:: M = K_{*n}(K_{nn} + \sigma^2 I)^{-1} Y, \qquad
              C = K_{**} - K_{*n}(K_{nn} + \sigma^2 I)^{-1} K_{n*}.

    Parameters
    ----------
    kernel : Kernel or callable
        The covariance function κ, such as ``ibhelpers.kernels.RBF(5.0)``; any other function is
        made an `ibhelpers.kernels.FunctionKernel`.
    noise : float
        σ², the variance of the noise that the training targets are thought to carry; 0 makes every
        hypothesis fit the training set exactly.
    device : str or torch.device, optional
        Where to compute, such as ``"cuda"``; the CPU when not given.
    progress : bool
        Whether work that takes long shows a progress bar.
    out_of_core : path-like, optional
        A folder where conditioning keeps its n²/2 + mn numbers, instead of in memory, so that
        training sets are bounded by the disk. What was finished is not computed again, even after
        the machine stopped. Delete what is in it at any time.
    client : dask.distributed.Client, optional
        On whose workers to condition, tile by tile; with ``out_of_core``, in a folder that they
        share. Needs ``pip install ibhelpers[cluster]``.

    Raises
    ------
    ValueError
        If an argument is not of its kind, the device is not there, or the folder cannot be made; if
        tiles are asked for on another device than the CPU.
    ImportError
        If a client is given and Dask is not installed.

    Notes
    -----
    Everything is float64. The training covariance is held once, and so is the test covariance,
    but while it is diagonalised; `memory_needed` says how much that is. A space does not change,
    and it keeps m² numbers of the task it was asked about last, so that the next question about
    the same task, for its law or for samples, does not condition again. (Not where the kernel is a
    function or a class of the reader's own, which may read something that changes.) Use several
    processes with ``multiprocessing.get_context("spawn")``: one that is forked after the first
    computation would wait for torch's threads for ever, and is refused.

    Out of core, or on a client, answers are those of one machine's memory to rounding. Only
    conditioning moves there: the test covariance is diagonalised in memory, and `assess`,
    `removals`, `sensitivity` and `leave_one_out`, which need the factor at hand or its inverse, are
    computed in memory all the same.

    Source: C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for
    Machine Learning, MIT Press 2006, section 2.2 and algorithm 2.1.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
    >>> space = ib.GaussianSpace(ib.kernels.RBF(lengthscale=2.0))
    >>> print(ib.inductive_bias(space.loss_law(task), target_error=0.02))
    782.3 bits at target error 0.02 (exact)
    """

    @typed
    def __init__(
        self,
        kernel: Kernel | Callable[[Tensor, Tensor], ArrayLike],
        *,
        noise: float = 0.0,
        device: str | torch.device | None = None,
        progress: bool = True,
        out_of_core: str | os.PathLike[str] | None = None,
        client: Any = None,
    ) -> None:
        if not callable(kernel) or isinstance(kernel, type):
            raise ValueError(
                f"kernel: found {kernel!r}; give a covariance function such as "
                "ibhelpers.kernels.RBF(lengthscale=5.0)."
            )
        self._kernel = kernel if isinstance(kernel, Kernel) else FunctionKernel(kernel)
        self._noise = non_negative("noise", noise)
        self._device = available_device(device)
        self.progress = progress
        self._place = place_of(out_of_core, client, self._device)
        self._choice: Choice | None = None
        self._known: WeakKeyDictionary[Task, tuple[Spectrum, list[float]]] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy is made of: not what is known already."""
        return {name: value for name, value in vars(self).items() if name != "_known"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin with nothing known."""
        vars(self).update(state, _known=WeakKeyDictionary())

    @classmethod
    @typed
    def fit(
        cls,
        task: Task,
        kernel: Kernel | Callable[..., Any] = RBF,
        *,
        ard: bool = False,
        amplitude: float | None = None,
        noise: float | None = None,
        hold: Collection[str] = (),
        mean: str = "zero",
        criterion: str = "evidence",
        validation: Sequence[ArrayLike] | None = None,
        target_error: float | None = None,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        starts: int = 4,
        progress: bool = True,
        device: str | torch.device | None = None,
    ) -> GaussianSpace:
        r"""The space that explains the training data best; test data are never looked at.

        Or the one that asks for the fewest bits on validation data, which are given apart.

        Lengthscales and the kernel's other parameters, amplitude and noise are those of the
        highest evidence, the density that the space gives the training targets before it has seen
        them (see `log_marginal_likelihood`). With the noise as a share :math:`\tau` of the
        amplitude, the best amplitude is closed,
        :math:`s^* = \mathrm{tr}(Y^T (K + \tau I)^{-1} Y) / nk`; the other numbers are searched, by
        exact gradients.

        Parameters
        ----------
        task : Task
            Of which the training data are used.
        kernel : kernel, class of kernels, or function
            What hypotheses are like. The parameters of an object, such as ``RBF(5.0)`` or
            ``RBF(1.0) + Linear(1.0)``, are where the search begins; every summand gets an
            amplitude. Depths and degrees, and variances that are 0, stay. So does everything about
            infinite networks but their amplitude and, of `ConvNNGP` with biases, both variances.
        ard : bool
            Whether every input has a lengthscale of its own (automatic relevance determination).
        amplitude : float, optional
            To be held, as a factor of the kernel as it is given; chosen when not given.
        noise : float, optional
            Variance to be held; chosen when not given.
        hold : collection of str
            Names of the kernel's parameters to be held, such as ``"lengthscale"``; ``"kernel"``
            holds all of them.
        mean : {"zero", "constant"}
            "constant" adds a constant to every hypothesis, of a variance that is chosen too. The
            other way is `Task.centred`, after which the targets are no longer independent of one
            another; the evidence does not know it.
        criterion : {"evidence", "leave_one_out", "bits"}
            The second is the log density of each training target given all others; the third, the
            bits that the validation data ask for, which are made few from the space of the highest
            evidence on.
        validation : pair of array_like, shapes (v, d) and (v, k)
            Inputs and targets, for "bits"; the test data are for judging what was chosen.
        target_error : float
            For "bits": ε, a mean squared error on the validation data.
        bounds : mapping from names to pairs, optional
            Limits of the search, as ``{"lengthscale": (0.1, 10.0)}``; of the noise as a share of
            the amplitude, if both are chosen. By default in units of what is typical, and such
            that the covariance keeps digits.
        starts : int
            How many searches are begun, on a part of the data.
        progress : bool
            Whether to show a progress bar where it takes long, now and when the space is used.
        device : str or torch.device, optional
            Where to compute.

        Returns
        -------
        GaussianSpace
            Whose `choice` says what was chosen, and how. The same data give the same space.

        Raises
        ------
        ValueError
            If an argument is not of its kind, the memory that is free does not suffice (about two
            arrays of n x n numbers), all targets are 0, or no covariance is positive definite; if
            "bits" are asked for without validation data and a target, or these are
            given without; if the target is out of reach in the space of the highest evidence.

        Warns
        -----
        UserWarning
            If the search ended on a bound that the evidence would leave, and on which.

        Notes
        -----
        Rasmussen and Williams, *Gaussian Processes for Machine Learning* (MIT Press, 2006), section
        5.4. A search ends where the next step promises less than 1e-4 nats.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
        >>> choice = ib.GaussianSpace.fit(task).choice
        >>> print(f"{choice.value:.1f} nats with amplitude {choice.amplitude:.4f}")
        1057.5 nats with amplitude 0.0627
        """
        if cls is not GaussianSpace:
            raise ValueError(
                f"{cls.__name__}: an ensemble of trained networks has no evidence; fit a "
                "GaussianSpace with the kernel ibhelpers.kernels.NNGP instead."
            )
        place = available_device(device)
        X, Y = (
            torch.tensor(a, dtype=torch.float64, device=place) for a in (task.X_train, task.y_train)
        )
        question = _fit.Question.of(
            X,
            kernel,
            ard=ard,
            amplitude=amplitude,
            noise=noise,
            hold=hold,
            criterion=criterion,
            mean=mean,
            bounds=bounds,
            starts=starts,
        )
        judged = _validation(task, question.criterion, validation, target_error)
        if judged is None:
            choice = _fit.choose(X, Y, question, progress=progress)
        else:

            def judge(kernel: Kernel, noise: float) -> Sensitivity:
                space = cls(kernel, noise=noise, device=place, progress=False)
                with warnings.catch_warnings():  # of spaces that are tried; digits are checked
                    warnings.simplefilter("ignore", UserWarning)
                    return space.sensitivity(*judged)

            choice = choose_by_bits(X, Y, question, judge, progress=progress)
        space = cls(
            choice.amplitude * choice.kernel, noise=choice.noise, device=place, progress=progress
        )
        space._choice = choice
        return space

    @property
    def choice(self) -> Choice | None:
        """How `fit` came to this space; None for one that was made otherwise."""
        return self._choice

    @property
    def kernel(self) -> Kernel:
        """The covariance function κ."""
        return self._kernel

    @property
    def noise(self) -> float:
        """σ², the variance of the noise of the training targets."""
        return self._noise

    @property
    def device(self) -> torch.device:
        """Where to compute."""
        return self._device

    def __repr__(self) -> str:
        """Say what the space is in one line."""
        return f"GaussianSpace({self.kernel}, noise={self.noise:g}, device='{self.device}')"

    @typed
    def memory_needed(self, task: Task) -> int:
        """Estimate of the memory that a law or samples take at most, in bytes.

        It counts what is allocated, not what the process holds already, on the space's device.
        Whatever conditions on the task asks the same, and refuses what does not fit.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
        >>> space = ib.GaussianSpace(ib.kernels.RBF(lengthscale=2.0))
        >>> print(f"{space.memory_needed(task) / 2**20:.0f} MiB")
        130 MiB
        """
        return self._bytes(*_sizes(task))

    def _bytes(self, n: int, m: int, k: int, d: int, keep: bool = False) -> int:
        """What n training and m test examples with k outputs and d inputs take."""
        if self._place is not None and not keep:
            return _tiles.memory_needed(self._place, n, m, k, d)
        return memory_needed(n, m, k, d, self.device, keep)

    @typed
    def posterior(self, task: Task) -> Posterior:
        """Mean and covariance of the outputs at the test points, given the training set.

        Raises
        ------
        ValueError
            If the memory that is free does not suffice; if the training covariance is singular to
            working precision and no jitter of at most 1e-8 of the mean prior variance mends it;
            duplicate inputs are named by their rows.

        Warns
        -----
        UserWarning
            If jitter was needed, and how much; if rounding errors leave fewer than four digits of
            the mean or of the largest variance, and how many. Not for small tasks under this
            package's kernels: these are conditioned again with as many digits as it takes. If the
            training data say nothing about the test points, as where the lengthscale is far too
            small for the inputs.
        """
        if is_within_reach(self.kernel, task, self.noise):
            posterior = self._small_posterior(task)
            if posterior is not None:
                return posterior
        (posterior,) = self._posteriors(task, self._condition(task), [task.n_train])
        return posterior

    def _small_posterior(self, task: Task) -> Posterior | None:
        """The posterior in float64 or, where that leaves fewer than four digits, with all of them.

        Four digits of the hypotheses' outputs, and of what these miss the test targets by.
        None where even that is not possible, and where bad input has to be named.
        """
        try:
            conditioning = self._eliminated(task, jitters=(0.0,))
        except NotPositiveDefiniteError:
            return precise_posterior(self.kernel, task, self.noise, self.device)
        (posterior,) = self._posteriors(task, conditioning, [task.n_train], tell=False)
        # A law of the loss is one of the residuals, which may be far smaller than the mean.
        residuals = replace(posterior, mean=posterior.mean - self._tensor(task.y_test))
        if posterior.is_doubtful or residuals.is_doubtful:
            return precise_posterior(self.kernel, task, self.noise, self.device)
        return posterior

    @typed
    def prior(self, task: Task) -> Posterior:
        """Mean and covariance of the outputs at the test points before any training data.

        Hypotheses that have seen nothing need the most bits: ``Spectrum.of(space.prior(task))``
        gives the law of their loss.
        """
        covariance = self._prior_kernel(self._tensor(task.X_test))
        largest = float(covariance.diagonal().max())
        return Posterior(
            mean=covariance.new_zeros(task.n_test, task.n_outputs),
            covariance=covariance,
            jitter=0.0,
            condition=1.0,
            resolution=EPS * task.n_test * largest,
            mean_error=0.0,
            covariance_error=EPS * largest,
            mean_error_together=0.0,
            covariance_error_together=EPS * largest * task.n_test,
        )

    @property
    def _prior_kernel(self) -> Kernel:
        return self.kernel

    @typed
    def spectrum(self, task: Task) -> Spectrum:
        """Mean and covariance of the outputs, in directions in which they are independent.

        Kept for the next question about the same task, unless the kernel is made of a function or a
        class of the reader's own, which may read something that changes in the meantime.

        Raises
        ------
        ValueError
            As for `posterior`.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
        >>> spectrum = ib.GaussianSpace(ib.kernels.RBF(2.0)).spectrum(task)
        >>> spectrum.mean.shape, spectrum.directions.shape
        (torch.Size([100, 10]), torch.Size([100, 100]))
        """
        kept, mark = self._known.get(task, (None, []))
        if kept is not None and kept.mark() == mark:  # its arrays are the reader's to change
            return kept
        self._known.clear()
        spectrum = Spectrum.of(self.posterior(task), progress=self.progress)
        if is_fixed(self.kernel):
            self._known[task] = spectrum, spectrum.mark()
        return spectrum

    @typed
    def hypotheses(self, task: Task) -> Hypotheses:
        """The map from normal variables to hypotheses, for methods that move the variables.

        Raises
        ------
        ValueError
            As for `posterior`.
        """
        return self.spectrum(task).hypotheses()

    @typed
    def loss_law(self, task: Task, *, loss: Loss = "mse") -> GeneralizedChi2:
        r"""The exact law of the mean squared error on the test set.

        With C = U diag(Λ) Uᵀ and R = Uᵀ(M − Y),

        .. math:: \frac{1}{mk} \sum_{ij} \bigl(\sqrt{\Lambda_i} z_{ij} + R_{ij}\bigr)^2
                  = c + \sum_i w_i \chi^2_k(\delta_i), \qquad
                  w_i = \frac{\Lambda_i}{mk}, \quad \delta_i = \frac{\sum_j R_{ij}^2}{\Lambda_i}.

        Directions whose variance cannot be told from 0 (`Posterior.resolution`) give the offset c.
        It is a limit of resolution: in these directions hypotheses may vary by less than float64
        can tell, and reach smaller losses at a very large number of bits. `inductive_bias` then
        says how many are certain. Where a test input is a training input and there is no noise,
        nothing varies, and the bits are infinite.

        Raises
        ------
        ValueError
            If another loss than "mse" is asked for, whose law is not known: `sample_losses` and
            ``ibhelpers.rare_event_bias`` take any; if no direction varies, as when every test
            input is a training input; and as for `posterior`.
        """
        if not isinstance(loss, str) or loss != "mse":
            raise ValueError(
                f"loss: found {loss!r}; the exact law is that of the mean squared error, 'mse'. "
                "For any other loss draw space.sample_losses(task, n, seed=0, loss=...), or ask "
                "for the bits of rare losses: ibhelpers.rare_event_bias(space, task, loss=..., "
                "target_error=...)."
            )
        return self._law_of(self.spectrum(task), task)

    @typed
    def probed_law(self, task: Task, *, seed: int, probes: int = 32, steps: int = 64) -> ProbedChi2:
        """An estimate of `loss_law` with an error bar, for test sets too large for the exact one.

        The m x m covariance of the test points is never held: products with it suffice, and the
        memory grows with m, beside what conditioning takes.

        Parameters
        ----------
        task : Task
            What to learn.
        seed : int
            Of the probes.
        probes : int
            At least 8. The error bar shrinks with their square root.
        steps : int
            At least 4: so many products with the covariance, each with ``probes + k`` vectors, and
            each with the kernel of the test points computed anew. Noise-free spaces and small
            targets need more; where there are too few, an answer is refused.

        Returns
        -------
        ibhelpers.laws.ProbedChi2
            Whose probabilities have limits at 95 % confidence; `inductive_bias` gives them.

        Raises
        ------
        ValueError
            If a number is too small; and as for `loss_law`.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
        >>> space = ib.GaussianSpace(0.06 * ib.kernels.RBF(2.0), noise=1e-3)
        >>> low, high = ib.inductive_bias(space.probed_law(task, seed=0), 0.02).interval
        >>> bool(low < ib.inductive_bias(space.loss_law(task), 0.02).bits < high)
        True
        """
        generator = torch_generator_of(seed, self.device)
        probes, steps = whole("probes", probes, at_least=8), whole("steps", steps, at_least=4)
        n, m, k, d = _sizes(task)

        def needed(n: int) -> int:
            if self._place is None:
                return memory_of_products(n, m, k, d, probes + k, self.device)
            return _tiles.memory_needed(self._place, n, m, k, d, probes + k)

        conditioning = self._told(task, lambda: self._eliminated(task, bytes_of=needed))
        X_test = self._tensor(task.X_test)
        prior_variance = float(self.kernel.diagonal(X_test).max())
        errors = conditioning.rounding(n, task.X_test, prior_variance)
        what, size = f"{steps} products of {m:,} test examples", steps * m * m * d
        with progress_bar(what, size, shown=self.progress) as bar:

            def product(V: Tensor) -> Tensor:
                bar.update(size / steps)
                return covariance_times(self.kernel, X_test, V) - conditioning.gram_times(V)

            return ProbedChi2(
                product,
                conditioning.mean(n) - self._tensor(task.y_test),
                generator=generator,
                probes=probes,
                steps=steps,
                resolution=Resolution(
                    variance=max(EPS * (n + m) * prior_variance, errors.variance),
                    covariance_error=errors.covariance_together,
                    mean_error=errors.mean_together,
                ),
            )

    def _law_of(self, spectrum: Spectrum, task: Task) -> GeneralizedChi2:
        """The law of the loss, from a spectrum that was asked for already."""
        floor = _loss_at_known_inputs(task) if self.noise == 0 else 0.0
        sharper = None
        if spectrum.jitter == 0 and is_within_reach(self.kernel, task, self.noise):
            sharper = functools.partial(precise_law, self.kernel, task, self.noise, floor)
        law = spectrum.loss_law(
            self._tensor(task.y_test),
            floor=floor,
            sharper=sharper,
        )
        if sharper is None and spectrum.jitter == 0:  # which has been told already
            warn_of_small_residuals(spectrum, law.mean())
        return law

    @typed
    def assess(self, task: Task, *, leave_one_out: bool = True) -> Assessment:
        """What speaks for and against the space on a task, from one factorisation.

        Parameters
        ----------
        task : Task
            What to learn.
        leave_one_out : bool
            Whether to predict each training example from all others too, which takes as long again.

        Raises
        ------
        ValueError
            As for `loss_law`.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
        >>> found = ib.GaussianSpace(ib.kernels.RBF(2.0), noise=0.01).assess(task)
        >>> print(f"{found.log_marginal_likelihood:.0f} nats, {found.leave_one_out.mse:.4f}")
        -539 nats, 0.0144
        """
        small = is_within_reach(self.kernel, task, self.noise)
        found = self._small_evidence(task, left_out=leave_one_out) if small else None
        posterior = self._small_posterior(task) if small else None
        if found is None or posterior is None:
            conditioning = self._in_memory(task)
            found = found or self._evidence_of(task, conditioning, left_out=leave_one_out)
            if posterior is None:
                (posterior,) = self._posteriors(task, conditioning, [task.n_train])
        spectrum = Spectrum.of(
            posterior, progress=self.progress
        )  # in the memory of the posterior's covariance
        return Assessment(
            self._law_of(spectrum, task),
            posterior.mean,
            found.log_marginal_likelihood,
            found.quadratic,
            found.leave_one_out,
            found.jitter,
            posterior.condition,
        )

    @typed
    def removals(self, task: Task) -> Removals:
        """How each training example enters the posterior, for what leaving it out would change.

        Beside what a law takes, an n × n array is held.

        Raises
        ------
        ValueError
            As for `loss_law`; and if the training covariance is singular to working precision in a
            task so small that `loss_law` conditions it with more digits, and without jitter.
        """
        conditioning = self._in_memory(task)
        if conditioning.jitter and is_within_reach(self.kernel, task, self.noise):
            refuse_removals(self.kernel, conditioning.jitter)
        (posterior,) = self._posteriors(task, conditioning, [task.n_train])
        spectrum = Spectrum.of(posterior, progress=self.progress)
        precision, influence = conditioning.inverted()
        return Removals(
            spectrum,
            self._law_of(spectrum, task),
            spectrum.directions.T @ (spectrum.mean - self._tensor(task.y_test)),
            influence,
            precision,
            precision @ self._tensor(task.y_train),
            posterior.condition,
        )

    @typed
    def sensitivity(self, task: Task, target_error: float, *, inputs: bool = False) -> Sensitivity:
        """How log P(loss <= ε) changes with parameters, noise, targets and, if asked for, inputs.

        ``ibhelpers.bias.gradient`` gives the same for the bits.

        Raises
        ------
        ValueError
            If the target is out of reach, or rounding leaves the derivatives no six digits; if
            the kernel has no derivative in its inputs; and as for `removals`.
        """
        target_error = positive("target_error", target_error)
        removals = self.removals(task)
        refuse_derivatives(self.kernel, removals, target_error)
        X, X_test = self._tensor(task.X_train), self._tensor(task.X_test)
        return Sensitivity.of(self.kernel, X, X_test, removals, target_error, inputs=inputs)

    @typed
    def learning_curve(self, task: Task, sizes: Iterable[int]) -> dict[int, GeneralizedChi2]:
        """The exact laws of the test loss after the first few training examples, and after more.

        Conditioning is done once: the Cholesky factor of the first s examples is a corner of the
        factor of all. What is left for each size is to diagonalise its test covariance.

        Parameters
        ----------
        task : Task
            What to learn. Its training examples are taken in their order.
        sizes : iterable of int
            Numbers of training examples, each from 1 to ``task.n_train``.

        Returns
        -------
        dict
            From each size to its law. Jitter, if the largest size needs it, is in all.

        Raises
        ------
        ValueError
            If a size is no whole number or more than there are; and as for `loss_law`.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
        >>> laws = ib.GaussianSpace(ib.kernels.RBF(2.0)).learning_curve(task, [50, 100, 200])
        >>> print({n: round(float(ib.inductive_bias(law, 0.05).bits)) for n, law in laws.items()})
        {50: 592, 100: 465, 200: 304}
        """
        sizes = several("sizes", sizes, "whole numbers")
        sizes = [whole("sizes", size, at_least=1) for size in sizes]
        if not sizes or max(sizes) > task.n_train:
            raise ValueError(
                f"sizes: found {sizes} for {task.n_train} training examples; give at least one "
                f"number from 1 to {task.n_train}."
            )
        increasing = sorted(set(sizes))
        parts = [_first(task, size) for size in increasing]
        posteriors: Iterable[Posterior]
        if is_within_reach(self.kernel, task, self.noise):
            posteriors = map(self.posterior, parts)
        else:
            conditioning = self._condition(parts[-1], sizes=tuple(increasing))
            posteriors = self._posteriors(parts[-1], conditioning, increasing)
        laws = {
            part.n_train: self._law_of(Spectrum.of(posterior, progress=self.progress), part)
            for part, posterior in zip(parts, posteriors, strict=True)
        }
        return {size: laws[size] for size in sizes}

    @typed
    def log_marginal_likelihood(self, task: Task) -> float:
        """Log evidence of the training targets, in nats.

        Raises
        ------
        ValueError
            As for `posterior`.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
        >>> for lengthscale in (0.5, 2.0, 8.0):
        ...     space = ib.GaussianSpace(ib.kernels.RBF(lengthscale), noise=0.01)
        ...     print(f"{space.log_marginal_likelihood(task):.0f} nats")
        -1931 nats
        -539 nats
        212 nats
        """
        return self._evidence(task, left_out=False).log_marginal_likelihood

    @typed
    def leave_one_out(self, task: Task) -> LeaveOneOut:
        """Predictions for each training example from all others.

        Raises
        ------
        ValueError
            As for `posterior`.

        Examples
        --------
        >>> import ibhelpers as ib
        >>> task = ib.tasks.load("digits", n_train=200, n_test=100)
        >>> ib.GaussianSpace(ib.kernels.RBF(2.0), noise=0.01).leave_one_out(task)
        leave-one-out: MSE 0.01436, log predictive density -60.958 nats
        """
        found = self._evidence(task, left_out=True).leave_one_out
        assert found is not None  # asked for
        return found

    def _evidence(self, task: Task, *, left_out: bool) -> Evidence:
        """What the training data alone say of the space."""
        if is_within_reach(self.kernel, task, self.noise):
            found = self._small_evidence(task, left_out=left_out)
            if found is not None:
                return found
        conditioning: Conditioned
        if left_out or self._place is None:
            conditioning = self._in_memory(task, test=False)
        else:  # with the rows of test examples, as whatever else is asked has them
            conditioning = self._condition(task)
        return self._evidence_of(task, conditioning, left_out=left_out)

    def _evidence_of(self, task: Task, conditioning: Conditioned, *, left_out: bool) -> Evidence:
        """In float64; whether that leaves digits is told."""
        found = Evidence.of(conditioning, self._tensor(task.y_train), left_out=left_out)
        if not conditioning.jitter:  # which has been told already
            warn_of_evidence(self.kernel, found, conditioning)
        return found

    def _small_evidence(self, task: Task, *, left_out: bool) -> Evidence | None:
        """In float64 or, where that leaves fewer than four digits, with all of them.

        None where even that is not possible, and where bad input has to be named.
        """
        try:
            conditioning = self._array(task, test=False, keep=True, jitters=(0.0,))
        except NotPositiveDefiniteError:
            pass
        else:
            found = Evidence.of(conditioning, self._tensor(task.y_train), left_out=left_out)
            if max(errors_of_evidence(found, conditioning)) < _CERTAIN:
                return found
        return precise_evidence(self.kernel, task, self.noise, self.device, left_out=left_out)

    @typed
    def sample_hypotheses(
        self, task: Task, n: int, *, seed: int, progress: bool = True
    ) -> Float64[Tensor, "n m k"]:
        """Outputs of n hypotheses at the test points; the same seed gives the same numbers.

        The first hypotheses of a larger draw are those of a smaller one, to rounding.

        Raises
        ------
        ValueError
            If n is not a whole number of at least 1; and as for `posterior`.
        """
        return torch.cat(list(self._drawn(task, n, seed, progress)))

    @typed
    def sample_losses(
        self, task: Task, n: int, *, seed: int, loss: Loss = "mse", progress: bool = True
    ) -> Float64[np.ndarray, " n"]:
        """Test losses of n hypotheses: the sampling step of the paper's Algorithm 1.

        Parameters
        ----------
        task : Task
            What to learn.
        n : int
            Number of hypotheses.
        seed : int
            Of the draw; `sample_hypotheses` with the same seed gives the hypotheses themselves.
        loss : {"mse", "zero_one"} or callable
            "mse" is the mean squared error over test points and outputs; "zero_one" the rate at
            which the largest output is not the label's. A callable takes the outputs (b, m, k) of
            b hypotheses and the task, and returns b losses.
        progress : bool
            Whether to show a progress bar where it takes long.

        Raises
        ------
        ValueError
            If n is not a whole number of at least 1, the loss is unknown, the task has no labels
            for "zero_one", or a callable returns the wrong shape or NaN; and as for `posterior`.
        """
        evaluate = loss_function(loss, task)
        losses = [evaluate(outputs) for outputs in self._drawn(task, n, seed, progress)]
        return torch.cat(losses).cpu().numpy()

    def _drawn(self, task: Task, n: int, seed: int, progress: bool) -> Iterator[Tensor]:
        """Blocks of n hypotheses."""
        refuse_orphans()
        n, generator = whole("n", n, at_least=1), torch_generator_of(seed, self.device)
        return self.spectrum(task).draw(n, generator, progress=self.progress and progress)

    def _posteriors(
        self, task: Task, conditioning: Conditioned, sizes: list[int], *, tell: bool = True
    ) -> Iterator[Posterior]:
        """Posteriors given the first of the training examples, for increasing sizes."""
        X_test = self._tensor(task.X_test)
        covariance = self.kernel(X_test)
        prior_variance, done = float(covariance.diagonal().max()), 0
        for size in sizes:
            conditioning.subtract_gram_(covariance, slice(done, size), progress=self.progress)
            done = size
            errors = conditioning.rounding(size, task.X_test, prior_variance)
            posterior = Posterior(
                mean=conditioning.mean(size),
                covariance=covariance if size == sizes[-1] else covariance.clone(),
                jitter=conditioning.jitter,
                condition=conditioning.condition(size),
                resolution=max(EPS * (size + task.n_test) * prior_variance, errors.variance),
                mean_error=errors.mean,
                covariance_error=EPS * prior_variance + errors.variance / task.n_test**0.5,
                mean_error_together=errors.mean_together,
                covariance_error_together=errors.covariance_together,
            )
            if tell and not conditioning.jitter:  # which has been told already
                warn_of_rounding(posterior, f"{self.kernel!r}")
            total = prior_variance + self.noise
            largest = conditioning.largest_weight() * conditioning.n_train**0.5
            if largest * total**0.5 <= EPS * prior_variance:  # no mean or variance changes a digit
                warn_of_silence(self.kernel, task)
            yield posterior

    def _in_memory(self, task: Task, *, test: bool = True) -> Conditioning:
        """Eliminate the training set for what needs the factor itself, or its inverse."""
        return self._told(task, lambda: self._array(task, test=test, keep=True))

    def _condition(self, task: Task, *, sizes: tuple[int, ...] | None = None) -> Conditioned:
        """Eliminate the training set; where nested ones are asked for, ``sizes`` says which."""
        return self._told(task, lambda: self._eliminated(task, sizes=sizes))

    def _told(self, task: Task, eliminate: Callable[[], Eliminated]) -> Eliminated:
        """What an elimination gives; whatever had to be added to its diagonal is told."""
        try:
            conditioning = eliminate()
        except NotPositiveDefiniteError:
            raise not_positive_definite(self.kernel, task.n_train) from None
        if conditioning.jitter:
            if self.noise == 0:
                refuse_what_is_told_apart_by_rounding(
                    self.kernel, self._tensor(task.X_train), self._tensor(task.y_train)
                )
            warn_of_jitter(self.kernel, conditioning, task.n_train)
        return conditioning

    def _eliminated(
        self,
        task: Task,
        *,
        sizes: tuple[int, ...] | None = None,
        jitters: tuple[float, ...] = (0.0, *JITTERS),
        bytes_of: Callable[[int], int] | None = None,
    ) -> Conditioned:
        """The tall array of a task, in memory or in tiles; ``bytes_of`` any n, if not the usual."""
        if self._place is None:
            keep = sizes is not None
            return self._array(task, keep=keep, jitters=jitters, bytes_of=bytes_of)
        points, needed = self._given(task, keep=False, bytes_of=bytes_of)
        return _tiles.Tiles.of(
            self._place,
            self.kernel,
            points,
            self._tensor(task.y_train),
            noise=self.noise,
            what=f"conditioning on {task.n_train:,} examples ({in_words(needed)} here)",
            sizes=sizes or (),
            progress=self.progress,
            jitters=jitters,
        )

    def _array(
        self,
        task: Task,
        *,
        test: bool = True,
        keep: bool,
        jitters: tuple[float, ...] = (0.0, *JITTERS),
        bytes_of: Callable[[int], int] | None = None,
    ) -> Conditioning:
        """The tall array in memory; ``keep`` says that it outlives the test covariance."""
        points, needed = self._given(task, test=test, keep=keep, bytes_of=bytes_of)
        return Conditioning.of(
            self.kernel,
            points,
            self._tensor(task.y_train),
            noise=self.noise,
            what=f"conditioning on {task.n_train:,} examples ({in_words(needed)})",
            progress=self.progress,
            jitters=jitters,
        )

    def _given(
        self,
        task: Task,
        *,
        test: bool = True,
        keep: bool,
        bytes_of: Callable[[int], int] | None = None,
    ) -> tuple[Tensor, int]:
        """The inputs; nothing large is allocated before it is known to fit in so many bytes."""
        refuse_orphans()
        points = self._tensor(task.X_train)
        refuse_what_has_no_answer(self.kernel, task, self.kernel.diagonal(points), self.noise)
        n, m, k, d = _sizes(task)
        m = m if test else 0
        taken = bytes_of or (lambda n: self._bytes(n, m, k, d, keep))
        needed = refuse_what_cannot_fit(taken, n, m, self.device)
        if test:
            points = torch.cat([points, self._tensor(task.X_test)])
        return points, needed

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.tensor(array, dtype=torch.float64, device=self.device)


def _sizes(task: Task) -> tuple[int, int, int, int]:
    """n, m, k, d."""
    return task.n_train, task.n_test, task.n_outputs, task.n_inputs


def _validation(
    task: Task,
    criterion: str,
    validation: Sequence[ArrayLike] | None,
    target_error: float | None,
) -> tuple[Task, float] | None:
    """The training data with validation data for test data, and the target; None without."""
    names = {"validation": validation, "target_error": target_error}
    for name, value in names.items():
        if (value is None) == (criterion == "bits"):
            raise ValueError(
                f"{name}: found {'nothing' if value is None else 'a value'} with "
                f"criterion={criterion!r}; give both validation=(X, y) and target_error= for "
                "criterion='bits', and neither for others."
            )
    if validation is None or target_error is None:
        return None
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise ValueError(
            f"validation: found {type(validation).__name__} of length {len(validation)}; give a "
            "pair (X, y) of inputs and targets that are neither training nor test data."
        )
    try:
        judged = Task(task.X_train, task.y_train, *validation)
    except ValueError as error:
        told = str(error).replace("X_test", "validation[0]").replace("y_test", "validation[1]")
        raise ValueError(f"validation: {told}") from None
    return judged, positive("target_error", target_error)


def _first(task: Task, n: int) -> Task:
    """The task with the first n of its training examples."""
    labels = None if task.labels_train is None else task.labels_train[:n]
    return replace(task, X_train=task.X_train[:n], y_train=task.y_train[:n], labels_train=labels)


def _loss_at_known_inputs(task: Task) -> float:
    """The part of the loss at test inputs that are training inputs, if their targets are fitted."""
    trained, tested = task.X_train.sum(1), task.X_test.sum(1)  # alike where rows are equal
    if not set(trained.tolist()) & set(tested.tolist()):  # the usual case, short
        return 0.0
    few, asked = (np.flatnonzero(np.isin(*sums)) for sums in ((trained, tested), (tested, trained)))
    rows = {(task.X_train[row] + 0.0).tobytes(): row for row in few}  # -0.0 is 0.0
    known = [(i, rows.get((task.X_test[i] + 0.0).tobytes())) for i in asked]
    errors = [task.y_train[row] - task.y_test[i] for i, row in known if row is not None]
    return float(np.square(errors).sum()) / task.y_test.size * (1 - 1e-12)  # rounded down
