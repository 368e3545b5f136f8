"""Necks: what stands between a backbone's features and the head; a tuple in, a tuple out."""

from jaxcls.models.necks.gap import GlobalAveragePooling
from jaxcls.models.necks.gem import GeneralizedMeanPooling
from jaxcls.models.necks.hr_fuse import HRFuseScales

__all__ = ["GeneralizedMeanPooling", "GlobalAveragePooling", "HRFuseScales"]
