"""The original's hooks -> ours."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from jaxcls.mmcls.inheritance import ConfigFile
from jaxcls.mmcls.translation import Translation

EVALUATION = (
    *("greater_keys", "less_keys", "out_dir", "file_client_args", "tmpdir", "gpu_collect", "broadcast_bn_buffer"),
)
CHECKPOINT = ("save_optimizer", "out_dir", "filename_tmpl", "create_symlink", "meta", "sync_buffer", "file_client_args")
LOGGER = ("reset_flag", "interval_exp_name", "out_dir", "keep_local", "file_client_args")
WANDB = ("log_checkpoint", "log_checkpoint_metadata", "num_eval_images")
# what happens here without a hook
NEEDLESS = {
    "EmptyCacheHook": "JAX keeps its memory for the whole run",
    "DistSamplerSeedHook": "the order of the data follows from seed and epoch",
    "IterTimerHook": "it is always on",
}


def translate_evaluation(evaluation: Any, file: ConfigFile, to: Translation) -> None:
    """`evaluation`: the arguments of `EvalHook`."""
    if isinstance(evaluation, Mapping):
        evaluation = to.without(dict(evaluation), EVALUATION, "evaluation")
        if evaluation.get("type") in ("EvalHook", "DistEvalHook"):
            del evaluation["type"]
    to.config["evaluation"] = evaluation


def translate_checkpoint_config(config: Any, file: ConfigFile, to: Translation) -> None:
    """`checkpoint_config`: the arguments of `CheckpointHook`; its interval is -1 where none is given."""
    if isinstance(config, Mapping):
        config = {"interval": -1} | to.without(dict(config), CHECKPOINT, "checkpoint_config")
    to.config["checkpoint_config"] = config


def translate_log_config(config: Any, file: ConfigFile, to: Translation) -> None:
    """`log_config`: the interval, and the loggers."""
    if isinstance(config, Mapping) and isinstance(hooks := config.get("hooks"), list | tuple):
        loggers = [_logger(hook, f"log_config.hooks[{i}]", to) for i, hook in enumerate(hooks)]
        config = {**config, "hooks": loggers}
    to.config["log_config"] = config


def _logger(hook: Any, where: str, to: Translation) -> Any:
    if not isinstance(hook, Mapping):
        return hook
    names: tuple[str, ...] = LOGGER
    if hook.get("type") == "MMClsWandbHook":
        hook, names = {**hook, "type": "WandbLoggerHook"}, (*LOGGER, *WANDB)
    if hook.get("type") == "TextLoggerHook":
        names = (*names, "out_suffix")
    return to.without(dict(hook), names, where)


def translate_custom_hooks(hooks: Any, file: ConfigFile, to: Translation) -> None:
    """`custom_hooks`: averages become `ema`, what is needless goes, the others stay."""
    if not isinstance(hooks, list | tuple):
        to.config["custom_hooks"] = hooks
        return
    kept = []
    for i, hook in enumerate(hooks):
        kind = hook.get("type") if isinstance(hook, Mapping) else None
        if kind == "EMAHook":
            _translate_ema(hook, f"custom_hooks[{i}]", to)
        elif kind in NEEDLESS:
            to.ignored.append(f"{kind} ({NEEDLESS[kind]})")
        elif isinstance(kind, str) and kind.endswith(("LrUpdaterHook", "MomentumUpdaterHook", "OptimizerHook")):
            key = "optimizer_config" if kind.endswith("OptimizerHook") else "lr_config or momentum_config"
            to.problems.append(f"custom_hooks[{i}]: {kind} is part of the step; it belongs in {key}")
        elif close := _close_to_needless(kind, file):
            to.problems.append(f"custom_hooks[{i}].type: {kind!r} is no hook; did you mean {close!r}?")
        else:
            kept.append(hook)
    if kept:
        to.config["custom_hooks"] = kept


def _close_to_needless(kind: Any, file: ConfigFile) -> str | None:
    """A hook of the original that none of ours is called like, which may be meant; modules imported may have others."""
    if not isinstance(kind, str) or file.values.get("custom_imports") is not None:
        return None
    return next(iter(difflib.get_close_matches(kind, ("EMAHook", *NEEDLESS), n=1, cutoff=0.85)), None)


def _translate_ema(hook: Mapping[str, Any], where: str, to: Translation) -> None:
    if "ema" in to.config:
        to.problems.append(f"{where}: a second EMAHook; expected one")
    ema = {key: value for key, value in hook.items() if key not in ("type", "priority")}
    to.config["ema"] = to.without(ema, ("resume_from",), where)
