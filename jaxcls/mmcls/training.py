"""How the original trains -> the same here: optimiser, schedules, precision, runner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jaxcls.mmcls.inheritance import ConfigFile
from jaxcls.mmcls.translation import Translation

FP16_HOOKS = ("Fp16OptimizerHook", "GradientCumulativeFp16OptimizerHook")
OF_DDP = ("coalesce", "bucket_size_mb", "distributed", "detect_anomalous_params")
OF_IPUS = ("ipu_model_cfg", "options_cfg", "fp16_cfg")
DEFAULT_LOSS_SCALE = 512.0


def translate_optimizer(optimizer: Any, file: ConfigFile, to: Translation) -> None:
    """`optimizer`, as it stands."""
    if isinstance(optimizer, Mapping):
        optimizer = dict(optimizer)
        if optimizer.get("constructor") in (None, "DefaultOptimizerConstructor"):
            optimizer.pop("constructor", None)
        paramwise = optimizer.get("paramwise_cfg")
        if isinstance(paramwise, Mapping) and "_delete" in paramwise:
            optimizer["paramwise_cfg"] = {key: value for key, value in paramwise.items() if key != "_delete"}
            to.warnings.append(
                "optimizer.paramwise_cfg._delete is no _delete_: the base's keys stay, as in the original"
            )
        if optimizer.get("paramwise_cfg", 0) is None:
            del optimizer["paramwise_cfg"]
    to.config["optimizer"] = optimizer


def translate_optimizer_config(config: Any, file: ConfigFile, to: Translation) -> None:
    """`optimizer_config`: clipping and accumulation; a hook for float16 becomes `precision`."""
    if not isinstance(config, Mapping):
        to.config["optimizer_config"] = config
        return
    config = {key: value for key, value in config.items() if value is not None}
    if config.get("type") in FP16_HOOKS:
        del config["type"]
        to.config["precision"] = _float16(config.pop("loss_scale", DEFAULT_LOSS_SCALE))
    elif config.get("type") in ("OptimizerHook", "DistOptimizerHook", "GradientCumulativeOptimizerHook"):
        del config["type"]
    if config := to.without(config, OF_DDP, "optimizer_config"):
        to.config["optimizer_config"] = config


def translate_fp16(fp16: Any, file: ConfigFile, to: Translation) -> None:
    """`fp16`: `precision`, with its loss scale."""
    if not isinstance(fp16, Mapping):
        to.problems.append(f"fp16: {fp16!r}; expected a dict with a loss_scale")
        return
    fp16 = to.without(dict(fp16), ("velocity_accum_type", "accum_type"), "fp16")
    to.config["precision"] = _float16(fp16.pop("loss_scale", DEFAULT_LOSS_SCALE))
    to.problems += [f"fp16 has no key {key!r}; expected loss_scale" for key in fp16]


def _float16(loss_scale: Any) -> Any:
    return "float16" if loss_scale == "dynamic" else {"type": "float16", "loss_scale": loss_scale}


def schedule(key: str, suffix: str) -> Callable[[Any, ConfigFile, Translation], None]:
    """What translates a schedule, whose policy may be given as the type of the hook that follows it."""

    def translate(config: Any, file: ConfigFile, to: Translation) -> None:
        if isinstance(config, Mapping) and "policy" not in config and str(config.get("type", "")).endswith(suffix):
            config = {"policy": config["type"].removesuffix(suffix)} | {k: v for k, v in config.items() if k != "type"}
        to.config[key] = config

    return translate


def translate_runner(runner: Any, file: ConfigFile, to: Translation) -> None:
    """`runner`: what counts, and how far."""
    if isinstance(runner, Mapping):
        runner = to.without(dict(runner), OF_IPUS, "runner")
        if isinstance(kind := runner.get("type"), str):
            runner["type"] = kind.removeprefix("IPU")
    to.config["runner"] = runner


def translate_total_epochs(epochs: Any, file: ConfigFile, to: Translation) -> None:
    """`total_epochs`, where there is no `runner`."""
    if file.values.get("runner") is not None:
        to.ignored.append("total_epochs")
    else:
        to.config["runner"] = {"type": "EpochBasedRunner", "max_epochs": epochs}
