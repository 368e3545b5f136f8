"""MMClassification's training and testing system on JAX and Flax."""

from jaxcls import metrics
from jaxcls.api import evaluate_model, train_model
from jaxcls.data.pipeline import build_transform
from jaxcls.engine.optim import build_optimizer
from jaxcls.engine.schedules import build_lr_schedule
from jaxcls.engine.train_state import TrainState, create_train_state
from jaxcls.engine.train_step import make_eval_step, make_train_step
from jaxcls.models import build_classifier, build_loss

__version__ = "0.1.0"
__all__ = [
    "TrainState",
    "build_classifier",
    "build_loss",
    "build_lr_schedule",
    "build_optimizer",
    "build_transform",
    "create_train_state",
    "evaluate_model",
    "make_eval_step",
    "make_train_step",
    "metrics",
    "train_model",
]
