"""What turns gradients into updates: the optimiser, the parameters' own rates and decays, clipping."""

from jaxcls.engine.optim.build import build_optimizer, parameter_groups
from jaxcls.engine.optim.clipping import build_grad_clip, clip_by_norm, clip_by_value
from jaxcls.engine.optim.paramwise import Multipliers, multipliers, parameter_name
from jaxcls.engine.optim.parse import base_momentum, has_momentum

__all__ = [
    "Multipliers",
    "base_momentum",
    "build_grad_clip",
    "build_optimizer",
    "clip_by_norm",
    "clip_by_value",
    "has_momentum",
    "multipliers",
    "parameter_groups",
    "parameter_name",
]
