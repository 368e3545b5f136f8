"""MMClassification's training and testing system on JAX and Flax.

Names are imported when they are first used, so that `from jaxcls.models.backbones import ResNet` loads no more than
that needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxcls import metrics, recipes, zoo
    from jaxcls.api import evaluate_model, train_model
    from jaxcls.data.pipeline import build_transform
    from jaxcls.engine.checkpoints.loading import load_checkpoint
    from jaxcls.engine.optim import build_optimizer, parameter_groups
    from jaxcls.engine.optim.schedules import build_lr_schedule
    from jaxcls.engine.step.train_state import TrainState, create_train_state
    from jaxcls.engine.step.train_step import make_eval_step, make_train_step
    from jaxcls.export import export_model
    from jaxcls.inference import get_model, inference_model, init_model
    from jaxcls.mmcls import load_mmcls_config
    from jaxcls.models import build_classifier, build_loss
    from jaxcls.models.deploy import deploy
    from jaxcls.zoo import list_models

__version__ = "0.1.0"
__all__ = [
    "TrainState",
    "build_classifier",
    "build_loss",
    "build_lr_schedule",
    "build_optimizer",
    "build_transform",
    "create_train_state",
    "deploy",
    "evaluate_model",
    "export_model",
    "get_model",
    "inference_model",
    "init_model",
    "list_models",
    "load_checkpoint",
    "load_mmcls_config",
    "make_eval_step",
    "make_train_step",
    "metrics",
    "parameter_groups",
    "recipes",
    "train_model",
    "zoo",
]
_MODULES = {
    "TrainState": "engine.step.train_state",
    "build_classifier": "models",
    "build_loss": "models",
    "build_lr_schedule": "engine.optim.schedules",
    "build_optimizer": "engine.optim",
    "build_transform": "data.pipeline",
    "create_train_state": "engine.step.train_state",
    "deploy": "models.deploy",
    "evaluate_model": "api",
    "export_model": "export",
    "get_model": "inference",
    "inference_model": "inference",
    "init_model": "inference",
    "list_models": "zoo",
    "load_checkpoint": "engine.checkpoints.loading",
    "load_mmcls_config": "mmcls",
    "make_eval_step": "engine.step.train_step",
    "make_train_step": "engine.step.train_step",
    "parameter_groups": "engine.optim",
    "train_model": "api",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    return importlib.import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
