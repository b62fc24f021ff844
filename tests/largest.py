"""What a computation holds at most in one tensor."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Largest(TorchDispatchMode):
    """Records the largest tensor that an operation returns, other than views of one given."""

    def __init__(self, given):
        super().__init__()
        self.given, self.numel = given.untyped_storage().data_ptr(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            if result.untyped_storage().data_ptr() != self.given:
                self.numel = max(self.numel, result.numel())
        return result
