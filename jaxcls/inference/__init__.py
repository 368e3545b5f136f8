"""What a trained model says of images, from its checkpoint alone."""

from jaxcls.inference.model import Model, init_model
from jaxcls.inference.named import find_model, get_model
from jaxcls.inference.predict import inference_model, predictions
from jaxcls.inference.preprocess import Preprocess

__all__ = ["Model", "Preprocess", "find_model", "get_model", "inference_model", "init_model", "predictions"]
