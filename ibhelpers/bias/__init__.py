"""The bits: what a hypothesis space must be given before a hypothesis of it is good enough.

From a law (`inductive_bias`), from sampled losses (`estimate_bias`), or by simulation of a rare
event (`rare_event_bias`); `compare` sets spaces side by side, and `paper` holds what the released
code of the paper does.
"""

from . import compare, paper
from .estimates import estimate_bias
from .inductive_bias import InductiveBias, inductive_bias
from .splitting import rare_event_bias
from .trace import Trace

__all__ = [
    "InductiveBias",
    "Trace",
    "compare",
    "estimate_bias",
    "inductive_bias",
    "paper",
    "rare_event_bias",
]
