"""Arrays in the place of every argument of everything public: read where numbers are meant, or
refused with the argument's name. What is public and not called here needs a reason."""

import inspect
import re
import tempfile
import types
import warnings

import jaxtyping
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

import ibhelpers as ib
from ibhelpers import kernels, laws

FEW = ib.tasks.load("synthetic", n_train=4, n_test=3, ambient=2, intrinsic=2, outputs=1)
DOZEN = ib.tasks.load("synthetic", n_train=12, n_test=3, ambient=2, intrinsic=2, outputs=1)
DIGITS = ib.tasks.load("digits", n_train=20, n_test=5)
RBF = kernels.RBF(1.0)
NOISY = ib.GaussianSpace(RBF, noise=0.1)
NETWORKS = ib.NetworkSpace(ib.networks.mlp(width=2), epochs=1, batch_size=2)
LAW = laws.GeneralizedChi2(weights=[3.0], df=[2.0], nc=[0.0])
LOSSES = np.arange(1.0, 25.0)
FITTED = laws.ScaledNoncentralChi2.fit(LOSSES)
BITS = ib.inductive_bias(LAW, 0.1)
TABLE = pd.DataFrame({"area": np.arange(12.0) % 5, "price": np.arange(12.0) % 7})
QUIET = {"progress": False}
SPACE = {"space": NOISY, "task": FEW}
SAMPLED = {"n": 20, "seed": 0}

# What a call needs besides the argument that is tried, by the public name.
CALLS = {
    "GaussianSpace": {"kernel": RBF},
    "GaussianSpace.fit": {"task": FEW, "noise": 0.1, **QUIET},
    **{
        f"GaussianSpace.{name}": {"task": FEW}
        for name in [
            *("memory_needed", "posterior", "prior", "spectrum", "hypotheses", "loss_law"),
            *("assess", "removals", "log_marginal_likelihood", "leave_one_out"),
        ]
    },
    "GaussianSpace.learning_curve": {"task": FEW, "sizes": [2]},
    "GaussianSpace.probed_law": {"task": FEW, "seed": 0, "probes": 8, "steps": 4},
    "GaussianSpace.sample_hypotheses": {"task": FEW, **SAMPLED, **QUIET},
    "GaussianSpace.sensitivity": {"task": FEW, "target_error": 0.5},
    "GaussianSpace.sample_losses": {"task": FEW, **SAMPLED, **QUIET},
    "InfiniteNetworkSpace": {"depth": 1},
    "InfiniteNetworkSpace.of": {"kernel": kernels.NTK(1)},
    "InfiniteNetworkSpace.posterior": {"task": FEW},
    "NetworkSpace": {"architecture": ib.networks.mlp()},
    **{
        f"NetworkSpace.{name}": {"task": FEW}
        for name in ("chunk_for", "hypotheses", "identity", "initial_weights")
    },
    "NetworkSpace.train": {"task": FEW, "n": 1, "seed": 0, **QUIET},
    "NetworkSpace.sample_losses": {"task": FEW, "n": 1, "seed": 0, **QUIET},
    "Task": {name: getattr(FEW, name) for name in ("X_train", "y_train", "X_test", "y_test")},
    "Task.from_frame": {"frame": TABLE, "target": "price"},
    "error_within_bits": {**SPACE, "loss": "mse", "bits": 1.0, "seed": 0, "particles": 20, **QUIET},
    "rare_event_bias": {
        **{**SPACE, "loss": "mse", "target_error": 0.5, "seed": 0, **QUIET},
        **{"method": "splitting", "particles": 20, "moves": 1},
    },
    "estimate_bias": {"losses": LOSSES, "target_error": 0.5, "n_boot": 0, "tails": [laws.Normal]},
    "inductive_bias": {"law": LAW, "target_error": 0.5},
    "worth": {**SPACE, "target_error": 0.5},
    "bias.averaged_bias": {
        "space": ib.GaussianSpace.fit(DOZEN, noise=0.0, progress=False),
        "task": DOZEN,
        "target_error": 0.5,
    },
    "bias.bits_by_test_point": {**SPACE, "target_error": 0.5},
    "bias.expected_worth": {**SPACE, "target_error": 0.5, "X": FEW.X_test},
    "bias.gradient": {**SPACE, "target_error": 0.5},
    "bias.divergences": {"law": LAW, "target_error": 0.5},
    "bias.evidence_bound": {**SPACE, "target_error": 0.5},
    "bounds.cart_pole": {"n_observations": 1},
    "bounds.estimate": {"task": DIGITS, "n_resamples": 2},
    "bounds.few_shot": {
        **{"n": 9.0, "max_norm": 2.0, "within_dim": 1.5, "across_dim": 2.0},
        **{"resolution": 1.0, "target_error": 0.5, "n_ways": 2},
    },
    "bounds.model_agnostic": {
        **{"n": 9.0, "max_norm": 2.0, "intrinsic_dim": 2.0, "resolution": 1.0},
        **{"target_error": 0.5, "n_discrete": 1.0, "out_dim": 1.0},
    },
    "compare.Draws.summary": {},
    "compare.Draws.difference": {"a": "p", "b": "q"},
    "compare.draws": {
        **{"question": lambda task: {"p": 1.0}, "tasks": FEW, "n": 1, "processes": 1},
        **QUIET,
    },
    "compare.kernels": {"task": FEW, "kernels": [RBF], "target_error": 0.5, "noise": 0.1},
    "compare.models": {"task": FEW, "law": LAW, "models": {}, "seed": 0},
    "compare.recorded": {"name": "none"},
    "compare.standard_models": {"seed": 0},
    "compare.test_sizes": {**SPACE, "target_error": 0.5, "sizes": [2]},
    **{f"kernels.{name}": {"depth": 1} for name in ("NNGP", "NTK")},
    **{
        f"kernels.{name}": {"lengthscale": 2.0}
        for name in ("RBF", "Laplace", "Matern", "RationalQuadratic")
    },
    **{f"kernels.{name}": {"shape": (8, 8), "depth": 1} for name in ("ConvNNGP", "ConvNTK")},
    "kernels.OnDisk": {"kernel": RBF, "folder": tempfile.gettempdir()},
    "kernels.ArcCosine": {"degree": 1},
    "kernels.Linear": {},
    "kernels.Polynomial": {"degree": 2},
    "kernels.FunctionKernel": {"function": lambda A, B: A @ B.T},
    "kernels.Scaled": {"factor": 2.0, "kernel": RBF},
    **{f"kernels.{name}": {"left": RBF, "right": RBF} for name in ("Sum", "Product")},
    "kernels.is_fixed": {"kernel": RBF},
    "kernels.RBF.from_median": {"X": FEW.X_train},
    "kernels.Kernel.__call__": {"A": FEW.X_train, "B": FEW.X_test},
    "kernels.Kernel.diagonal": {"A": FEW.X_train},
    **{
        f"laws.{name}.fit": {"losses": LOSSES}
        for name in (
            *("Empirical", "GeneralizedPareto", "Normal", "ScaledChi2", "ScaledNoncentralChi2"),
        )
    },
    "laws.Empirical": {"losses": LOSSES},
    "laws.Empirical.log_limits": {"x": 2.0},
    "laws.GeneralizedChi2": {"weights": [2.0], "df": [3.0], "nc": [0.5]},
    "laws.GeneralizedPareto": {"losses": LOSSES, "threshold": 3.0, "shape": -0.5, "scale": 1.0},
    "laws.Normal": {"mean": 0.5, "standard_deviation": 2.0},
    "laws.ScaledChi2": {"df": 2.0, "scale": 3.0},
    "laws.ScaledNoncentralChi2": {"df": 2.0, "nc": 0.5, "scale": 3.0},
    "laws.ScaledChi2.from_moments": {"mean": 2.0, "variance": 0.5},
    "laws.ScaledNoncentralChi2.from_moments": {"mean": 2.0, "variance": 0.5, "skewness": 0.5},
    "laws.ScaledNoncentralChi2.closest_to": {"law": LAW},
    "laws.ScaledNoncentralChi2.wald_interval": {"target_error": 0.5},
    "laws.ScaledNoncentralChi2.log_likelihood_of": {"losses": LOSSES},
    "laws.ProfileLikelihood.share_interval": {},
    "laws.ProfileLikelihood.laws": {},
    "laws.ProfileLikelihood.bits_interval": {"target_error": 0.5},
    **{
        f"laws.GeneralizedChi2.{name}": {"x": 2.0}
        for name in ("saddlepoint_logcdf", "quadrature", "log_errors", "log_upper")
    },
    **{
        f"laws.{name}.sample": SAMPLED for name in ("Empirical", "GeneralizedChi2", "Normal", "Law")
    },
    "laws.GeneralizedPareto.sample": SAMPLED,
    "laws.ProbedChi2.sample": SAMPLED,
    **{
        f"laws.Law.{name}": {"x": 2.0}
        for name in ("logcdf", "logccdf", "logpdf", "cdf", "ccdf", "pdf")
    },
    "laws.Law.ilogcdf": {"logp": -2.0},
    "laws.Law.icdf": {"p": 0.5},
    "laws.certified_bits": {"n": 10},
    "laws.checked_losses": {"losses": LOSSES},
    "laws.distance": {"losses": LOSSES, "reference": LAW},
    "laws.orthant": {"covariance": np.eye(3), "n": 100, "seed": 0},
    "laws.tilted_importance_sampling": {"law": LAW, "x": 0.5, **SAMPLED},
    "losses.Costs": {"matrix": np.eye(3)},
    "losses.CrossEntropy": {"temperature": 2.0},
    "losses.CrossEntropy.fit": {"space": NOISY, "task": DIGITS, "seed": 0},
    "losses.TopK": {"k": 2},
    "losses.PointLoss.__call__": {"outputs": torch.zeros(2, 5, 10), "task": DIGITS},
    **{f"networks.{name}": {} for name in ("cnn", "linear", "mlp", "resnet", "vit")},
    "networks.linear_law": {"space": NETWORKS, "task": FEW},
    "networks.Architecture.__call__": {"task": FEW},
    "networks.guess_and_check": {
        **{"architecture": ib.networks.mlp(width=2), "task": FEW, "n": 1},
        **{"max_train_loss": 1e9, "max_guesses": 2, "seed": 0, **QUIET},
    },
    "networks.TrainedEnsemble.fitted": {"max_train_loss": 1e9},
    "paper.error_decomposition": {"law": LAW, "losses": LOSSES, "target_error": 0.5},
    "paper.released_bits": {"fitted": FITTED, "target_error": 0.5},
    "paper.released_fit": {"losses": LOSSES},
    "paper.released_law": {"task": DIGITS, "kernel": kernels.RBF(2.0), "epochs": 1, "seed": 0},
    "plots.draw_data": {
        "ax": Figure().add_subplot(),
        "x_train": LOSSES,
        "y_train": LOSSES,
        "x": LOSSES,
    },
    "plots.draw_hypotheses": {
        **{"ax": Figure().add_subplot(), "x": LOSSES, "outputs": LOSSES[None]},
    },
    "plots.draw_waterfall": {
        **{"ax": Figure().add_subplot(), "start": ("a", 2.0), "steps": {"b": 3.0}, "end": "c"},
    },
    "plots.show": {"figure": Figure()},
    "plots.show_bias": {"biases": {"a": [BITS]}},
    "plots.show_bridge": {"bias": BITS},
    "plots.show_quantiles": {"losses": LOSSES, "law": LAW},
    "plots.show_splitting": {"bias": BITS},
    "plots.show_table": {"frame": TABLE, "caption": "a table"},
    "plots.show_tails": {"losses": LOSSES, "laws": {"a": LAW}, "target_error": 0.5},
    "plots.show_task": {"task": DIGITS},
    "spaces.Removals.law_without": {"rows": [0]},
    "spaces.Spectrum.loss_law": {"y_test": FEW.y_test},
    "spaces.check_space": {**SPACE, "seed": 0},
    "spaces.loss_function": {"loss": "mse", "task": FEW},
    "spaces.sample_losses": {**SPACE, **SAMPLED},
    "tasks.complexity": {"functions": [1, -1, -1, 1]},
    "tasks.intrinsic_dimension": {"X": DIGITS.X_train},
    "tasks.lempel_ziv": {"signs": [1, -1, -1, 1]},
    "tasks.partly_observed": {"task": DIGITS, "share": 0.5},
    "tasks.union": {"first": DIGITS, "second": DIGITS},
    "tasks.with_classes": {"task": DIGITS, "classes": [0, 1]},
    "tasks.with_fewer_examples": {"task": DIGITS, "n": 2},
    "tasks.with_label_noise": {"task": DIGITS, "share": 0.5},
    "tasks.with_noise_inputs": {"task": DIGITS, "k": 2},
    "tasks.with_occlusion": {"task": DIGITS, "side": 2},
    "tasks.load": {"name": "digits"},
}
# Whose methods are called, where a class has parameters.
OF = {
    "GaussianSpace": NOISY,
    "InfiniteNetworkSpace": ib.InfiniteNetworkSpace(1, bias_variance=0.1),
    "NetworkSpace": NETWORKS,
    "compare.Draws": ib.compare.Draws(pd.DataFrame({"p": [1.0, 2.0], "q": [2.0, 3.0]})),
    "kernels.Kernel": RBF,
    "laws.Empirical": laws.Empirical(LOSSES),
    "laws.GeneralizedChi2": LAW,
    "laws.GeneralizedPareto": laws.GeneralizedPareto.fit(LOSSES),
    "laws.Law": laws.Normal(2.0, 1.0),
    "laws.Normal": laws.Normal(2.0, 1.0),
    "laws.ProbedChi2": NOISY.probed_law(FEW, seed=0, probes=8, steps=4),
    "laws.ProfileLikelihood": FITTED.profile,
    "laws.ScaledNoncentralChi2": FITTED,
    "losses.PointLoss": ib.losses.ErrorRate(),
    "networks.Architecture": ib.networks.mlp(),
    "networks.TrainedEnsemble": NETWORKS.train(FEW, 2, seed=0, progress=False),
    "spaces.Removals": NOISY.removals(FEW),
    "spaces.Spectrum": NOISY.spectrum(FEW),
}
RESULT = "made by the package, for readers to look at"
ABSTRACT = "to derive from"
INSIDE = "called by the package, with its own tensors"
EXCUSED = {
    "plots.picture": "pixels of an image; tests/test_charts.py",
    "plots.show_chart": "a chart of Altair's and words; tests/test_charts.py",
    **dict.fromkeys(
        [
            *("InductiveBias", "bias.AveragedBias", "bias.BridgeTrace", "bias.Divergences"),
            *(
                "bias.EvidenceBound",
                "bias.Gradient",
                "bias.RunsTrace",
                "bias.Trace",
                "bias.Worth",
                "bounds.Estimate",
            ),
            *("bounds.ParameterEstimates", "bounds.UpperBound", "compare.Draws"),
            *(
                "laws.LossDistance",
                "laws.OrthantEstimate",
                "laws.ProfileLikelihood",
                "laws.ProbedChi2",
            ),
            *("laws.Quadrature", "laws.Resolution", "laws.Rounding"),
            *("laws.TailIntegralError", "laws.TiltedEstimate", "networks.TrainedEnsemble"),
            *("paper.ErrorDecomposition", "spaces.Assessment", "spaces.Choice"),
            *(
                "spaces.LeaveOneOut",
                "spaces.Posterior",
                "spaces.Removals",
                "spaces.Spectrum",
            ),
            *("tasks.IntrinsicDimension", "spaces.Sensitivity"),
        ],
        RESULT,
    ),
    **dict.fromkeys(
        [
            *("HypothesisSpace", "HypothesisSpace.hypotheses", "HypothesisSpace.sample_losses"),
            *("kernels.Kernel", "laws.FittedLaw", "laws.FittedLaw.fit", "laws.Law"),
            *("laws.Law.log_limits", "laws.Law.log_errors", "laws.Law.log_upper"),
            *("losses.PointLoss", "spaces.Hypotheses", "networks.Architecture"),
        ],
        ABSTRACT,
    ),
    **dict.fromkeys(
        [
            "spaces.Sensitivity.of",
            *("bias.BridgeTrace.error_within", "laws.Quadrature.of", "laws.Quadrature.average"),
            *("laws.Quadrature.ratio", "laws.Rounding.in_units", "laws.Rounding.of_exponent"),
            *(
                "laws.ProbedChi2.log_limits",
                "laws.Rounding.log_upper",
                "spaces.Spectrum.of",
                "spaces.Spectrum.damping",
                "spaces.Spectrum.draw",
            ),
        ],
        INSIDE,
    ),
    "InductiveBias.plot": "hands matplotlib what it is given",
    "check": "any answer is an answer; tests/test_exercises.py",
}
INNER_METHODS = set(  # likewise inside
    "with_free value pull_back pull_back_inputs answers costs groups".split()
)

# Arguments that are numbers, in any container; tests/test_any_array.py has their oracles.
NUMBERS = set(
    "A B X X_train X_test across_dim alpha amplitude bias_variance bits confidence covariance "
    "df factor floor fraction functions intrinsic_dim labels_test labels_train lengthscale logp "
    "losses lr matrix max_bits max_norm max_train_error_rate max_train_loss mean n n_discrete "
    "nc noise offset out_bound out_dim outputs p reference resolution rows scale shape share signs "
    "sizes skewness standard_deviation std stop_at target_error temperature test_size threshold "
    "truth value variance weight_decay weight_variance weights within_dim x x_train y_test y_train "
    "input_shape start frame".split()
)
WHATEVER = {
    "ax": "matplotlib's",
    "colour": "matplotlib's",
    "strength": "matplotlib's",
    "end": "text of a label",
    "float_format": "pandas'",
    "formatters": "pandas'",
    "out": "the kernels' own tensors",
    "device": "torch's",
    "sharper": INSIDE,
    "rounding": INSIDE,
}

GOOD = {
    "array": np.array([0.5, 0.25, 0.75]),
    "matrix": np.arange(6.0).reshape(3, 2) / 7,
    "tensor": torch.tensor([[0.5], [0.25]], requires_grad=True),
    "series": pd.Series([0.5, 0.25]),
    "scalar": np.array(0.25),
}
BAD = {
    "complex": np.array([0.5j]),
    "masked": np.ma.array([1.0, 2.0], mask=[False, True]),
    "date": np.array("2020-01-01", dtype="M8[D]"),
    "objects": [None, object()],
}


def public():
    """Public callables by their shortest name, each once; methods of classes that take anything."""
    found, names = {}, {}
    rooms = "bias bounds compare kernels laws losses networks paper plots spaces tasks".split()
    for room in [None, *rooms]:
        module = getattr(ib, room) if room else ib
        for name in module.__all__:
            what = getattr(module, name)
            if callable(what) and not isinstance(what, (types.ModuleType, types.UnionType)):
                names.setdefault(id(what), f"{room}.{name}" if room else name)
                found.setdefault(names[id(what)], what)
    for owner, kind in list(found.items()):
        for name, member in vars(kind).items() if inspect.isclass(kind) else ():
            method = getattr(member, "__func__", member)
            is_public = not name.startswith("_") or name == "__call__"
            if inspect.isfunction(method) and is_public and name not in INNER_METHODS:
                if set(inspect.signature(method).parameters) - {"self", "cls"}:
                    found[f"{owner}.{name}"] = method
    return found


PUBLIC = public()


def called(name):
    """The public name as a reader calls it."""
    owner, _, last = name.rpartition(".")
    if owner in OF and not inspect.isclass(PUBLIC[name]):
        return getattr(OF[owner], last)
    at = ib
    for part in name.split("."):
        at = getattr(at, part)
    return at


@pytest.fixture(autouse=True, scope="module")
def as_readers_run_it():
    """Without the tests' checker of types, which would refuse before the package does."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def without_parameters(function):
    try:
        return not inspect.signature(function).parameters
    except ValueError:
        return False


def test_everything_public_is_tried_or_has_a_reason():
    wanting = {name for name, what in PUBLIC.items() if not without_parameters(what)}
    assert wanting - set(CALLS) - set(EXCUSED) == set()
    assert (set(CALLS) | set(EXCUSED)) - set(PUBLIC) == set()
    assert set(CALLS) & set(EXCUSED) == set()


@pytest.mark.parametrize("name", CALLS)
def test_an_array_is_read_where_numbers_are_meant_and_refused_by_name_elsewhere(name):
    function, arguments = called(name), CALLS[name]
    for parameter in inspect.signature(function).parameters.values():
        argument = parameter.name
        if argument in WHATEVER or parameter.kind is parameter.VAR_KEYWORD:
            continue
        for kind, value in (GOOD | BAD).items():
            said = f"{name}({argument}=<{kind}>)"
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = function(**{**arguments, argument: value})
            except (ValueError, TypeError) as error:
                # what may be read as a number may not go with another argument, which is named
                named = inspect.signature(function).parameters if kind in GOOD else [argument]
                assert re.search(rf"\b({'|'.join(named)})\b", str(error)), f"{said}: {error}"
            else:
                assert kind in GOOD and argument in NUMBERS, f"{said} gave {type(found)}"
