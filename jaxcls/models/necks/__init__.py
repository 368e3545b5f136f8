"""Necks: what stands between a backbone's features and the head; a tuple in, a tuple out."""

from jaxcls.models.necks.gap import GlobalAveragePooling
from jaxcls.models.necks.gem import GeneralizedMeanPooling

__all__ = ["GeneralizedMeanPooling", "GlobalAveragePooling"]
