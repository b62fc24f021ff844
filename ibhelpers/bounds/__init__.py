"""The earlier upper bound on the required inductive bias, which asks nothing of the hypotheses.

Boopathy, Liu, Hwang, Ge, Mohammedsaleh and Fiete, "Model-agnostic measure of generalization
difficulty", ICML 2023, arXiv:2305.01034. It counts the dimensions of a space of functions that is
wide enough for the task, and the bits that each dimension needs. Every measure exists twice:
``model_agnostic_bits`` and, for tasks whose bits no float can hold, ``log2_model_agnostic_bits``.
"""

from .estimation import Estimate, ParameterEstimates, estimate
from .measure import (
    cart_pole_bits,
    few_shot_bits,
    log2_cart_pole_bits,
    log2_few_shot_bits,
    log2_model_agnostic_bits,
    model_agnostic_bits,
)

__all__ = [
    "Estimate",
    "ParameterEstimates",
    "cart_pole_bits",
    "estimate",
    "few_shot_bits",
    "log2_cart_pole_bits",
    "log2_few_shot_bits",
    "log2_model_agnostic_bits",
    "model_agnostic_bits",
]
