"""Losses, called alike: `loss(cls_score, label, weight=None, avg_factor=None, reduction_override=None)`."""

from jaxcls.models.losses.asymmetric import AsymmetricLoss
from jaxcls.models.losses.cross_entropy import CrossEntropyLoss
from jaxcls.models.losses.focal import FocalLoss
from jaxcls.models.losses.label_smooth import LabelSmoothLoss
from jaxcls.models.losses.seesaw import SeesawLoss

__all__ = ["AsymmetricLoss", "CrossEntropyLoss", "FocalLoss", "LabelSmoothLoss", "SeesawLoss"]
