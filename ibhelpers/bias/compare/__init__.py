"""Comparisons, as tables: many kernels on one task, many classes of models by one rule.

`draws` repeats a comparison over independent draws of data, and `recorded` gives what it found in
runs that were made for the chapters; `test_sizes` sets bits beside their
ceiling. Like `kernels` and `models` it returns a pandas DataFrame; `standard_models` are those
compared when none are given.
"""

from ._draws import Draws, draws
from ._kernels import kernels
from ._models import models, standard_models
from ._recorded import recorded
from ._test_sizes import test_sizes

__all__ = ["Draws", "draws", "kernels", "models", "recorded", "standard_models", "test_sizes"]
