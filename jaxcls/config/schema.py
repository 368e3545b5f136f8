"""What a config may hold, as one tree of schemas: every key, and what its value is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flax import linen as nn

from jaxcls.arguments import LARGEST_SEED, unknown_keys
from jaxcls.builder import construct, lookup
from jaxcls.config.check import Checked, Each, Keys, Optional, Schema, Slot, Value, Whole, check_kind
from jaxcls.data import batch_augment, sampler, sources, transforms
from jaxcls.data.sources.base import Source
from jaxcls.data.views import build_views
from jaxcls.engine import hooks, runner
from jaxcls.engine.distillation import distillation_of
from jaxcls.engine.hooks import Hook
from jaxcls.engine.optim.clipping import build_grad_clip
from jaxcls.engine.optim.lookahead import build_lookahead
from jaxcls.engine.optim.parse import parse
from jaxcls.engine.optim.schedules import check_lr_config, check_momentum_config
from jaxcls.engine.step.ema import Ema
from jaxcls.engine.step.parallel import FORMER_NAMES, MODES
from jaxcls.engine.step.precision import build_precision
from jaxcls.errors import UserError, close_names
from jaxcls.models import backbones, classifier, heads, losses, necks
from jaxcls.models.layers import build_activation, build_conv, build_norm
from jaxcls.models.layers.initializers import check_init_cfg

NUMBER, TEXT, PATH = Value(float), Value(str), Value(str | None)


def _source(node: Any, where: str) -> Iterator[str]:
    yield from SOURCE(node, where)


def _runner(node: Any, where: str) -> Iterator[str]:
    """`type`, and the length in what that counts."""
    if not isinstance(node, Mapping):
        yield f"{where}: {node!r}; expected a dict of type and max_epochs or max_iters"
        return
    try:
        kind = lookup(node.get("type", "EpochBasedRunner"), runner, f"{where}.type")
        check_kind(kind, runner.Runner, f"{where}.type")
    except UserError as error:
        yield from error.problems
        return
    length = "max_epochs" if kind.by_epoch else "max_iters"
    yield from unknown_keys(node, ("type", length), where, kind.__name__)
    yield from Whole(1)(node.get(length), f"{where}.{length}")


def _workflow(node: Any, where: str) -> Iterator[str]:
    """Pairs of a mode and how often it comes in a row."""
    for i, part in enumerate(node if isinstance(node, list | tuple) else (node,)):
        is_pair = isinstance(part, list | tuple) and len(part) == 2
        if not is_pair or part[0] not in ("train", "val") or not isinstance(part[1], int) or part[1] < 1:
            yield f"{where}[{i}]: {part!r}; expected ('train', N) or ('val', N), N a whole number from 1"


def _parallel(node: Any, where: str) -> Iterator[str]:
    """A mode, or a dict of it and `shards`."""
    if isinstance(node, Mapping):
        yield from Keys({"mode": _mode, "shards": Whole(0)}, required=("mode",))(node, where)
    else:
        yield from _mode(node, where)


def _mode(node: Any, where: str) -> Iterator[str]:
    if node not in (*MODES, *FORMER_NAMES):
        yield f"{where}: {node!r}; {close_names(str(node), MODES)}"


def _distill(node: Any, where: str) -> Iterator[str]:
    """`teacher`, and how it counts."""
    keys = {"teacher": Value(str | Mapping), "type": TEXT, "alpha": NUMBER, "tau": NUMBER}
    problems = tuple(Keys(keys, required=("teacher",))(node, where))
    yield from problems or Checked(distillation_of)(node, where)


def _tta(node: Any, where: str) -> Iterator[str]:
    """The views of test-time augmentation, and the transforms before them."""
    yield from Checked(build_views)(node, where)
    if isinstance(node, Mapping) and node.get("pipeline") is not None:
        yield from PIPELINE(node["pipeline"], f"{where}.pipeline")


PIPELINE = Each(Slot(transforms, Callable))
SOURCE: Schema = Each(
    Slot(
        sources,
        Source,
        own={
            "pipeline": PIPELINE,
            "on_error": TEXT,
            "max_errors": Whole(0),
            "dataset": _source,
            "datasets": Each(_source),
        },
    ),
    or_one=True,
)
LAYERS: Mapping[str, Schema] = {
    "conv_cfg": Optional(Checked(lambda node: build_conv(node, 1, 1))),
    "norm_cfg": Optional(Checked(build_norm)),
    "act_cfg": Optional(Checked(build_activation)),
    "init_cfg": Optional(Checked(check_init_cfg)),
}
AUGMENT = Slot(batch_augment, Callable, own={"num_classes": Whole(1)})
MODEL = Slot(
    classifier,
    nn.Module,
    parts=LAYERS,
    own={
        "backbone": Slot(backbones, nn.Module, parts=LAYERS),
        "neck": Optional(Each(Slot(necks, nn.Module, parts=LAYERS), or_one=True)),
        "head": Slot(heads, nn.Module, own={"loss": Slot(losses, Callable)}, parts=LAYERS),
        "train_cfg": Optional(
            Keys(
                {
                    "augments": Optional(Each(AUGMENT, or_one=True)),
                    "distill": Optional(_distill),
                }
            )
        ),
        "pretrained": PATH,
    },
)
LOGGER = Slot(hooks, Hook)
CONFIG: Mapping[str, Schema] = {
    "model": MODEL,
    "data": Keys(
        {
            "batch_size": Whole(1),
            "num_workers": Whole(0),
            "worker_type": TEXT,
            "sampler": Slot(sampler),
            "drop_last": Value(bool),
            "on_device": Value(bool),
            "train": SOURCE,
            "val": SOURCE,
            "test": SOURCE,
            "tta": _tta,
        },
        required=("batch_size", "train"),
        originals={"samples_per_gpu": "batch_size, of all devices together", "workers_per_gpu": "num_workers"},
    ),
    "optimizer": Checked(parse),
    "optimizer_config": Keys(
        {
            "type": TEXT,
            "grad_clip": Optional(Checked(build_grad_clip)),
            "cumulative_iters": Whole(1),
            "max_skipped_updates": Value(int | None),
            "lookahead": Optional(Checked(build_lookahead)),
        }
    ),
    "lr_config": Checked(check_lr_config),
    "momentum_config": Optional(Checked(check_momentum_config)),
    "ema": Optional(Checked(lambda node: construct(Ema, node, "ema"))),
    "precision": Checked(build_precision),
    "runner": _runner,
    "evaluation": Slot(hooks, Hook, default="EvalHook", given=("evaluator", "evaluate_raw")),
    "checkpoint_config": Slot(hooks, Hook, default="CheckpointHook"),
    "log_config": Keys({"interval": Whole(1), "hooks": Each(LOGGER)}),
    "custom_hooks": Each(Slot(hooks, Hook, own={"priority": Value(int | str)})),
    "workflow": _workflow,
    "parallel": _parallel,
    "seed": Whole(0, LARGEST_SEED),
    "load_from": PATH,
    "resume_from": PATH,
    "work_dir": PATH,
    "import_from": Value(Sequence[str]),
    "compilation_cache": Value(bool | str),
}

_NOTHING = "nothing; --config=configs/mmcls.py:FILE takes an original config as it stands"
ORIGINALS = {
    "total_epochs": "runner.max_epochs",
    "fp16": "precision='float16'",
    "auto_scale_lr": "optimizer.lr, for the batch as it is",
    **dict.fromkeys(("dist_params", "log_level", "cudnn_benchmark", "device", "gpu_ids"), _NOTHING),
}


def problems_of(config: Mapping[str, Any], required: Sequence[str]) -> Iterator[str]:
    """All that is wrong with a config, as far as it is known before anything is built."""
    yield from Keys(CONFIG, required, ORIGINALS)(config, "config")
