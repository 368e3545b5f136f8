"""Hooks: what observes a run."""

from jaxcls.engine.hooks.checkpoint import CheckpointHook
from jaxcls.engine.hooks.class_num_check import ClassNumCheckHook
from jaxcls.engine.hooks.closure import ClosureHook
from jaxcls.engine.hooks.early_stopping import EarlyStoppingHook
from jaxcls.engine.hooks.evaluation import EvalHook
from jaxcls.engine.hooks.hook import Hook
from jaxcls.engine.hooks.invalid_loss import CheckInvalidLossHook
from jaxcls.engine.hooks.iter_timer import IterTimerHook
from jaxcls.engine.hooks.logger import LoggerHook, TextLoggerHook
from jaxcls.engine.hooks.mlflow import MlflowLoggerHook
from jaxcls.engine.hooks.precise_bn import PreciseBNHook
from jaxcls.engine.hooks.profiler import ProfilerHook
from jaxcls.engine.hooks.progress import ProgressBarHook
from jaxcls.engine.hooks.report import ReportHook
from jaxcls.engine.hooks.skipped_updates import SkippedUpdatesHook
from jaxcls.engine.hooks.sync_buffers import SyncBuffersHook
from jaxcls.engine.hooks.tensorboard import TensorboardLoggerHook
from jaxcls.engine.hooks.throughput import ThroughputHook
from jaxcls.engine.hooks.wandb import WandbLoggerHook

__all__ = [
    "CheckInvalidLossHook",
    "CheckpointHook",
    "ClassNumCheckHook",
    "ClosureHook",
    "EarlyStoppingHook",
    "EvalHook",
    "Hook",
    "IterTimerHook",
    "LoggerHook",
    "MlflowLoggerHook",
    "PreciseBNHook",
    "ProfilerHook",
    "ProgressBarHook",
    "ReportHook",
    "SkippedUpdatesHook",
    "SyncBuffersHook",
    "TensorboardLoggerHook",
    "TextLoggerHook",
    "ThroughputHook",
    "WandbLoggerHook",
]
