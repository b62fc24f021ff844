"""Comparisons, as tables: many kernels on one task, many classes of models by one rule.

`kernels` and `models` return pandas DataFrames; `standard_models` are those compared when none
are given.
"""

from ._kernels import kernels
from ._models import models, standard_models

__all__ = ["kernels", "models", "standard_models"]
