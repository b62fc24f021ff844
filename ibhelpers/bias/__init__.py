"""The bits: what a hypothesis space must be given before a hypothesis of it is good enough.

From a law (`inductive_bias`), from sampled losses (`estimate_bias`), or by simulation of a rare
event (`rare_event_bias`); `compare` sets spaces side by side, and `paper` holds what the released
code of the paper does.
"""

from . import compare, paper
from .averaged import AveragedBias, averaged_bias
from .candidates import expected_worth
from .estimates import estimate_bias
from .evidence import Divergences, EvidenceBound, divergences, evidence_bound
from .gradient import Gradient, gradient
from .inductive_bias import InductiveBias, inductive_bias
from .rare_event import error_within_bits, rare_event_bias
from .trace import BridgeTrace, RunsTrace, Trace
from .worth import Worth, bits_by_test_point, worth

__all__ = [
    "AveragedBias",
    "BridgeTrace",
    "Divergences",
    "EvidenceBound",
    "Gradient",
    "InductiveBias",
    "RunsTrace",
    "Trace",
    "Worth",
    "averaged_bias",
    "bits_by_test_point",
    "compare",
    "divergences",
    "error_within_bits",
    "estimate_bias",
    "evidence_bound",
    "expected_worth",
    "gradient",
    "inductive_bias",
    "paper",
    "rare_event_bias",
    "worth",
]
