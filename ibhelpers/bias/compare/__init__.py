"""Comparisons, as tables: many kernels on one task, many classes of models by one rule.

`draws` repeats a comparison over independent draws of data. `kernels` and `models` return pandas
DataFrames; `standard_models` are those compared when none are given.
"""

from ._draws import Draws, draws
from ._kernels import kernels
from ._models import models, standard_models

__all__ = ["Draws", "draws", "kernels", "models", "standard_models"]
