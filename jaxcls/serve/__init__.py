"""A trained model over HTTP."""

from jaxcls.serve.app import create_app
from jaxcls.serve.limits import Limits

__all__ = ["Limits", "create_app"]
