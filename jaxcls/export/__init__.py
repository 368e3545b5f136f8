"""A trained model as a program that runs without jaxcls."""

from jaxcls.export.model import FORMATS, export_model

__all__ = ["FORMATS", "export_model"]
