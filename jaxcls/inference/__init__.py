"""What a trained model says of images, from its checkpoint alone."""

from jaxcls.inference.model import Model, inference_model, init_model
from jaxcls.inference.named import get_model
from jaxcls.inference.preprocess import Preprocess

__all__ = ["Model", "Preprocess", "get_model", "inference_model", "init_model"]
