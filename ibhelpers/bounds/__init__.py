"""The earlier upper bound on the required inductive bias, which asks nothing of the hypotheses.

Boopathy, Liu, Hwang, Ge, Mohammedsaleh and Fiete, "Model-agnostic measure of generalization
difficulty", ICML 2023, arXiv:2305.01034. It counts the dimensions of a space of functions that is
wide enough for the task, and the bits that each dimension needs. `estimate` finds its parameters
for a task.
"""

from .estimation import Estimate, ParameterEstimates, estimate
from .measure import UpperBound, cart_pole, few_shot, model_agnostic

__all__ = [
    "Estimate",
    "ParameterEstimates",
    "UpperBound",
    "cart_pole",
    "estimate",
    "few_shot",
    "model_agnostic",
]
