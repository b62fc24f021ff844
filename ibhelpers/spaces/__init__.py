"""Who could explain the data? Hypothesis spaces, which turn a task into a law of the test loss.

`GaussianSpace` and `InfiniteNetworkSpace` give it exactly; networks that are really trained are in
`ibhelpers.networks`.
"""

from ._evidence import LeaveOneOut
from .assessment import Assessment
from .choice import Choice
from .gaussian import GaussianSpace
from .infinite_network import InfiniteNetworkSpace
from .loss import Loss, loss_function
from .posterior import Posterior, Spectrum

__all__ = [
    "Assessment",
    "Choice",
    "GaussianSpace",
    "InfiniteNetworkSpace",
    "LeaveOneOut",
    "Loss",
    "Posterior",
    "Spectrum",
    "loss_function",
]
