"""Who could explain the data? Hypothesis spaces, which turn a task into a law of the test loss.

`GaussianSpace` and `InfiniteNetworkSpace` give it exactly; networks that are really trained are in
`ibhelpers.networks`.
"""

from . import losses
from ._evidence import LeaveOneOut
from .assessment import Assessment
from .choice import Choice
from .gaussian import GaussianSpace
from .hypothesis_space import Hypotheses, HypothesisSpace, check_space, sample_losses
from .infinite_network import InfiniteNetworkSpace
from .losses import Loss, loss_function
from .posterior import Posterior, Spectrum
from .removals import Removals
from .sensitivity import Sensitivity

__all__ = [
    "Assessment",
    "Choice",
    "GaussianSpace",
    "Hypotheses",
    "HypothesisSpace",
    "InfiniteNetworkSpace",
    "LeaveOneOut",
    "Loss",
    "Posterior",
    "Removals",
    "Sensitivity",
    "Spectrum",
    "check_space",
    "loss_function",
    "losses",
    "sample_losses",
]
