"""Real trainings, as short as can be: one convolution, 256 digits, eight iterations an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flax import linen as nn
from jax import Array

import jaxcls
from jaxcls.models.backbones.base import Backbone
from jaxcls.models.layers import Conv, build_norm
from tests import recipe


class Tiny(Backbone):
    """Images (N, 8, 8, 1) -> ((N, 8, 8, 16),)."""

    norm_cfg: Mapping[str, Any] = nn.FrozenDict({"type": "BN"})
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> tuple[Array]:
        x = Conv(16, 3, padding=1, name="conv1")(x)
        return (nn.relu(build_norm(self.norm_cfg, "bn1")(x, train)),)


def model(**backbone: Any) -> dict[str, Any]:
    """The classifier's config."""
    return {
        "type": "ImageClassifier",
        "backbone": {"type": "tests.engine.tiny:Tiny", **backbone},
        "neck": {"type": "GlobalAveragePooling"},
        "head": {"type": "LinearClsHead", "num_classes": 10},
    }


def config(*hooks: dict[str, Any], loggers: Any = (), **changes: Any) -> dict[str, Any]:
    """Of a training with these custom hooks; `changes` are keys of the config, whole."""
    whole = recipe.get_config().to_dict()
    whole["data"].update(batch_size=32)
    whole["data"]["train"]["split"], whole["data"]["val"]["split"] = "train[:256]", "test[:64]"
    whole["log_config"] = {"interval": 3, "hooks": [{"type": "TextLoggerHook"}, *loggers]}
    whole.update(model=model(), custom_hooks=hooks, runner={"max_epochs": 2}, checkpoint_config={"interval": 1})
    return {**whole, **changes}


def train(workdir: Any, *hooks: dict[str, Any], loggers: Any = (), resume: bool = False, **changes: Any) -> Any:
    """Trains as `config` says and gives the runner."""
    return jaxcls.train_model(config(*hooks, loggers=loggers, **changes), workdir, resume=resume)


def hook_of(runner: Any, kind: type) -> Any:
    """The runner's hook of a class."""
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, kind))
    return hook
