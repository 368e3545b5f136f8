"""What runs a training: `EpochBasedRunner` or `IterBasedRunner`."""

from jaxcls.engine.runner.base import Runner as Runner
from jaxcls.engine.runner.epoch_based import EpochBasedRunner
from jaxcls.engine.runner.iter_based import IterBasedRunner

__all__ = ["EpochBasedRunner", "IterBasedRunner"]  # what `type` may name
