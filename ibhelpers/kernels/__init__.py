"""Covariance functions of Gaussian hypothesis spaces, infinite networks among them.

Every kernel is a small immutable object: ``kernel(A, B)`` is an (n, m) float64 tensor on A's
device, ``kernel(A)`` is ``kernel(A, A)`` and symmetric to the last bit, ``kernel.diagonal(A)`` is
its diagonal, and ``kernel(A, B, out=K)`` writes into K, so that the matrix is held once.
A kernel is in the file of its family and derives from `Kernel`, which says what it defines.
Kernels add, multiply and scale: ``2.0 * RBF(1.0) + Linear()``. ``FunctionKernel(f)`` makes one of
any function.
"""

from .arc_cosine import ArcCosine
from .convolutional import ConvNNGP, ConvNTK
from .dot_product import Constant, Linear, Polynomial
from .function import FunctionKernel, is_fixed
from .infinite_network import NNGP, NTK
from .kernel import Kernel, Product, Scaled, Sum
from .on_disk import OnDisk
from .stationary import RBF, Laplace, Matern, RationalQuadratic

__all__ = [
    "NNGP",
    "NTK",
    "RBF",
    "ArcCosine",
    "Constant",
    "ConvNNGP",
    "ConvNTK",
    "FunctionKernel",
    "Kernel",
    "Laplace",
    "Linear",
    "Matern",
    "OnDisk",
    "Polynomial",
    "Product",
    "RationalQuadratic",
    "Scaled",
    "Sum",
    "is_fixed",
]
