"""Hooks: what observes a run."""

from jaxcls.engine.hooks.checkpoint import CheckpointHook
from jaxcls.engine.hooks.evaluation import EvalHook
from jaxcls.engine.hooks.hook import Hook
from jaxcls.engine.hooks.iter_timer import IterTimerHook
from jaxcls.engine.hooks.logger import LoggerHook, TextLoggerHook
from jaxcls.engine.hooks.progress import ProgressBarHook

__all__ = ["CheckpointHook", "EvalHook", "Hook", "IterTimerHook", "LoggerHook", "ProgressBarHook", "TextLoggerHook"]
