"""Inductive bias, in bits: how much a designer must add to the training data, computed exactly.

Task  ->  hypothesis space  ->  Law of the test loss  ->  InductiveBias
"""

from . import bounds, kernels, laws, networks, plots, spaces, tasks
from .bias import compare, paper
from .bias.estimates import estimate_bias
from .bias.inductive_bias import InductiveBias, inductive_bias
from .bias.rare_event import error_within_bits, rare_event_bias
from .bias.worth import worth
from .exercises import check
from .networks import NetworkSpace
from .spaces import GaussianSpace, HypothesisSpace, InfiniteNetworkSpace, losses
from .tasks import Task

__version__ = "0.1.0"

__all__ = [
    "GaussianSpace",
    "HypothesisSpace",
    "InductiveBias",
    "InfiniteNetworkSpace",
    "NetworkSpace",
    "Task",
    "bounds",
    "check",
    "compare",
    "error_within_bits",
    "estimate_bias",
    "inductive_bias",
    "kernels",
    "laws",
    "losses",
    "networks",
    "paper",
    "plots",
    "rare_event_bias",
    "spaces",
    "tasks",
    "worth",
]
