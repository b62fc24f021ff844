"""Neural-network hypothesis spaces: the networks that training reaches, many trained at once.

An architecture is a function from a task to a plain ``torch.nn.Module`` that maps inputs (b, d),
the rows of ``task.X_train``, to outputs (b, k). The module must treat every example by itself.
"""

# `_stack` sets networks side by side, `_memory` says how many at a time, `_training` takes steps,
# and `_diagnosis` and `_verification` find out which networks can stand side by side at all.

from .architectures import Architecture, cnn, linear, mlp, resnet, vit
from .ensemble import TrainedEnsemble
from .guessing import guess_and_check
from .linear_law import linear_law
from .space import NetworkSpace

__all__ = [
    "Architecture",
    "NetworkSpace",
    "TrainedEnsemble",
    "cnn",
    "guess_and_check",
    "linear",
    "linear_law",
    "mlp",
    "resnet",
    "vit",
]
