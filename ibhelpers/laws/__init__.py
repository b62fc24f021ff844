"""How good are the hypotheses? Probability laws of the test loss, exact ones and fitted ones.

All have the methods of `Law`, named as in SciPy's distribution classes, in natural logarithms.
`GeneralizedChi2` is the exact law of Gaussian hypothesis spaces, and `ProbedChi2` an estimate of it
for large test sets, with an error bar; every other kind has
``fit(losses)``, and below the smallest loss is an extrapolation, except `Empirical`, which says how
many bits the losses certify. A new kind derives from `Law`, which says what it defines.
"""

from ._contour import TailIntegralError
from .distance import LossDistance, distance
from .empirical import Empirical, certified_bits
from .generalized_chi2 import GeneralizedChi2
from .law import FittedLaw, Law
from .moments import Normal, ScaledChi2
from .noncentral import ScaledNoncentralChi2
from .orthant import OrthantEstimate, orthant
from .pareto import GeneralizedPareto
from .probed import ProbedChi2, Resolution
from .profile import ProfileLikelihood
from .quadrature import Quadrature
from .rounding import Rounding
from .sampled_losses import checked_losses
from .tilting import TiltedEstimate, tilted_importance_sampling

__all__ = [
    "Empirical",
    "FittedLaw",
    "GeneralizedChi2",
    "GeneralizedPareto",
    "Law",
    "LossDistance",
    "Normal",
    "OrthantEstimate",
    "ProbedChi2",
    "ProfileLikelihood",
    "Quadrature",
    "Resolution",
    "Rounding",
    "ScaledChi2",
    "ScaledNoncentralChi2",
    "TailIntegralError",
    "TiltedEstimate",
    "certified_bits",
    "checked_losses",
    "distance",
    "orthant",
    "tilted_importance_sampling",
]
