"""Config -> the parts of a run, each checked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcls.builder import build, lookup
from jaxcls.data import order
from jaxcls.data.batch_augment import build_batch_augments
from jaxcls.data.pipeline import Dataset, EvalBatches, Loader, TrainBatches, build_dataset
from jaxcls.engine import hooks, runner
from jaxcls.engine.checkpoints.weights import load_pretrained
from jaxcls.engine.evaluation import Evaluator
from jaxcls.engine.log import env_info
from jaxcls.engine.optim.optimisation import Optimisation
from jaxcls.engine.processes import first_process_first
from jaxcls.engine.runner import Runner
from jaxcls.engine.step.ema import Ema
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.precision import build_precision
from jaxcls.engine.step.train_state import create_train_state
from jaxcls.engine.step.train_step import make_eval_step, make_train_step, to_float
from jaxcls.errors import UserError, close_names
from jaxcls.models import build_classifier

Config = Mapping[str, Any]


class Network:
    """A classifier and what it takes to feed it.

    Attributes:
        classifier: the unbound module.
        parallel: the devices that it runs on.
        distort: (key, images as they travel) -> the same, changed at random, or None.
        preprocess: images as they travel -> as the network sees them.
        augment: what mixes images in training, or None.
        precision: what it computes in.
        image_shape: (H, W, C) of its images.
        num_classes: K.

    Args:
        config: the whole config.
        dataset: whose samples have the shape that the network gets.
        parallel: the devices that it runs on.
    """

    def __init__(self, config: Config, dataset: Dataset, parallel: Parallel) -> None:
        self.parallel, self.distort, self.preprocess = parallel, dataset.distort, preprocess_of(dataset)
        self.classifier: nn.Module = build_classifier(config["model"])
        self.image_shape = dataset.readable_sample(0, np.random.default_rng(0))["image"].shape
        self._images = jax.ShapeDtypeStruct((1, *self.image_shape), jnp.float32)
        logits, self.shapes = jax.eval_shape(self.classifier.init_with_output, jax.random.key(0), self._images)
        self.num_classes: int = logits.shape[-1]
        self.augment = _augment(config["model"], self.num_classes)
        self.precision = build_precision(config["precision"])

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Initial variables."""
        return jax.jit(self.classifier.init)(key, jnp.zeros(self._images.shape, jnp.float32))

    def check_labels(self, dataset: Dataset, where: str) -> None:
        """Refuses labels outside the head's classes."""
        labels = dataset.labels
        if labels.ndim == 2:
            if labels.shape[1] != self.num_classes:
                raise UserError(f"{where}: {labels.shape[1]} classes, but the head has {self.num_classes}")
        elif labels.min() < 0 or labels.max() >= self.num_classes:
            raise UserError(
                f"{where}: labels go from {labels.min()} to {labels.max()}, "
                f"but the head has {self.num_classes} classes (0 to {self.num_classes - 1}); set its num_classes"
            )


def preprocess_of(dataset: Dataset) -> Any:
    """What the device does to the images before the network sees them."""
    return dataset.normalize.on_device if dataset.normalize else to_float


def build_evaluator(config: Config, split: str, network: Network, parallel: Parallel) -> Evaluator:
    """What evaluates on the `val` or `test` data of a config.

    Raises:
        UserError: there is no such data, or it does not fit the network.
    """
    if split not in config["data"]:
        have = [name for name in ("train", "val", "test") if name in config["data"]]
        raise UserError(f"config.data has no {split!r}; it has {', '.join(have)}")
    dataset = build_dataset(config["data"][split], f"data.{split}")
    network.check_labels(dataset, f"data.{split}")
    if dataset.random_on_device:
        raise UserError(f"data.{split}.pipeline: what has on_device=True is random and for training only")
    devices = len(parallel.devices)
    batch_size = -(-config["data"]["batch_size"] // devices) * devices
    batches = EvalBatches(dataset, batch_size, jax.process_index(), jax.process_count())
    loader = _loader(batches, config["data"], parallel)
    step = make_eval_step(
        network.classifier,
        parallel=parallel,
        preprocess=preprocess_of(dataset),
        precision=network.precision,
    )
    return Evaluator(step, loader, parallel)


def build_runner(config: Config, workdir: Path, validate: bool) -> tuple[Runner, dict[str, Loader]]:
    """The runner of a config with all its hooks, and the loaders that it takes.

    Raises:
        UserError: whatever in the config, or in the data that it names, cannot be.
    """
    parallel, data = Parallel(config["parallel"]), config["data"]
    parallel.check_batch_size(data["batch_size"])
    with first_process_first("data"):
        dataset = build_dataset(data["train"], "data.train")
    network = Network(config, dataset, parallel)
    network.check_labels(dataset, "data.train")
    processes = (jax.process_index(), jax.process_count())
    sample_order = build(data["order"], order, "data.order")
    batches = TrainBatches(dataset, data["batch_size"], config["seed"], *processes, order=sample_order)
    loaders = {"train": _loader(batches, data, parallel)}

    kind, length = _runner_kind(config["runner"])
    optimisation = Optimisation(config, kind, length, len(batches))
    init_key, step_key = jax.random.split(jax.random.key(config["seed"]))
    variables = load_pretrained(network.classifier, config["model"], network.init(init_key))
    tx = optimisation.build_tx(variables["params"])
    state = create_train_state(
        variables,
        tx,
        ema=optimisation.ema,
        precision=network.precision,
        cumulative_iters=optimisation.accumulation.iters,
    )
    train_step = make_train_step(
        network.classifier,
        tx,
        parallel=parallel,
        distort=network.distort,
        preprocess=network.preprocess,
        augment=network.augment,
        clip=optimisation.clip,
        ema=optimisation.ema,
        precision=network.precision,
        accumulation=optimisation.accumulation,
    )
    evaluator = build_evaluator(config, "val", network, parallel) if validate and "val" in data else None
    if evaluator:
        loaders["val"] = evaluator.loader
    made = kind(
        train_step,
        evaluator.eval_step if evaluator else None,
        parallel.place_state(state),
        parallel.place_key(step_key),
        schedule=optimisation.schedule,
        momentum_schedule=optimisation.momentum_schedule,
        length=length,
        batch_size=data["batch_size"],
        work_dir=workdir,
        meta={"env_info": env_info(), "seed": config["seed"], "config": repr(config), "CLASSES": list(dataset.classes)},
        identity=_identity(config, kind, len(dataset)),
        network=network,
    )
    _register_hooks(made, config, evaluator, optimisation.ema)
    return made, loaders


def _runner_kind(config: Config) -> tuple[type[Runner], int]:
    """The runner's class, and the training's length in what it counts."""
    name = config.get("type", "EpochBasedRunner")
    kind = lookup(name, runner, "runner.type")
    key = "max_epochs" if kind.by_epoch else "max_iters"
    for given in config:
        if given not in ("type", key):
            raise UserError(f"runner: {name} has no argument {given!r}; {close_names(given, ('type', key))}")
    length = config.get(key)
    if not isinstance(length, int) or length < 1:
        raise UserError(f"runner.{key}: {length!r}; expected a whole number from 1")
    return kind, length


def _identity(config: Config, kind: type[Runner], samples: int) -> dict[str, Any]:
    """What a continued run cannot change."""
    by_epoch = all((kind.by_epoch, *(config[key].get("by_epoch", True) for key in ("checkpoint_config", "evaluation"))))
    return {
        "numbered_by": "epoch" if by_epoch else "iteration",
        "batch_size": config["data"]["batch_size"],
        "samples": samples,
        "seed": config["seed"],
        "optimizer": config["optimizer"].get("type"),
    }


def _loader(batches: TrainBatches | EvalBatches, data: Config, parallel: Parallel) -> Loader:
    return Loader(batches, data["num_workers"], parallel.place_batch, worker_type=data["worker_type"])


def _register_hooks(made: Runner, config: Config, evaluator: Evaluator | None, ema: Ema | None) -> None:
    """The default hooks, at the original's priorities, and the config's own."""
    by_epoch = {"by_epoch": made.by_epoch}
    checkpoint = {"type": "CheckpointHook", **by_epoch, **config["checkpoint_config"]}
    made.register_hook(build(checkpoint, hooks, "checkpoint_config"))
    made.register_hook(hooks.ClassNumCheckHook())
    made.register_hook(hooks.IterTimerHook())
    if evaluator:
        evaluation = {"type": "EvalHook", **by_epoch, **config["evaluation"], "evaluator": evaluator}
        raw = ema is not None and ema.evaluate_raw
        made.register_hook(build(evaluation, hooks, "evaluation", **({"evaluate_raw": True} if raw else {})))
    log_config = config["log_config"]
    for i, entry in enumerate(log_config.get("hooks", ())):
        interval = {"interval": log_config.get("interval", 100)}
        made.register_hook(build({**interval, **entry}, hooks, f"log_config.hooks[{i}]"), "VERY_LOW")
    made.register_hook(hooks.ProgressBarHook())
    for i, entry in enumerate(config["custom_hooks"]):
        made.register_hook_from_cfg(entry, f"custom_hooks[{i}]")


def _augment(model: Config, num_classes: int) -> Any:
    """What mixes images in the step, by the model's `train_cfg.augments`; None without any."""
    train_cfg = model.get("train_cfg") or {}
    for key in train_cfg:
        if key != "augments":
            raise UserError(f"model.train_cfg: no argument {key!r}; {close_names(key, ('augments',))}")
    augments = train_cfg.get("augments")
    return build_batch_augments(augments, num_classes, "model.train_cfg.augments") if augments else None
