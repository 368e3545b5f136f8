"""Config -> the parts of a run, each checked before anything is written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcls.builder import build
from jaxcls.data import order
from jaxcls.data.batch_augment import build_batch_augments
from jaxcls.data.pipeline import Dataset, EvalBatches, Loader, TrainBatches, build_dataset
from jaxcls.engine import hooks, runner
from jaxcls.engine.checkpoint import fit, locate, restore_checkpoint
from jaxcls.engine.evaluation import Evaluator
from jaxcls.engine.log import env_info
from jaxcls.engine.optim import build_optimizer
from jaxcls.engine.parallel import Parallel
from jaxcls.engine.runner import EpochBasedRunner
from jaxcls.engine.schedules import build_lr_schedule
from jaxcls.engine.train_state import TrainState, create_train_state
from jaxcls.engine.train_step import make_eval_step, make_train_step, to_float
from jaxcls.errors import UserError, close_names
from jaxcls.models import build_classifier

Config = Mapping[str, Any]


class Network:
    """A classifier and what it takes to feed it.

    Attributes:
        classifier: the unbound module.
        image_shape: (H, W, C) of its images.
        num_classes: K.

    Args:
        config: the whole config.
        dataset: whose samples have the shape that the network gets.
    """

    def __init__(self, config: Config, dataset: Dataset) -> None:
        self.classifier: nn.Module = build_classifier(config["model"])
        self.image_shape = dataset.readable_sample(0, np.random.default_rng(0))["image"].shape
        self._images = jax.ShapeDtypeStruct((1, *self.image_shape), jnp.float32)
        logits, self.shapes = jax.eval_shape(self.classifier.init_with_output, jax.random.key(0), self._images)
        self.num_classes: int = logits.shape[-1]

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
    devices = len(parallel.devices)
    batch_size = -(-config["data"]["batch_size"] // devices) * devices
    batches = EvalBatches(dataset, batch_size, jax.process_index(), jax.process_count())
    loader = _loader(batches, config["data"], parallel)
    step = make_eval_step(network.classifier, parallel=parallel, preprocess=preprocess_of(dataset))
    return Evaluator(step, loader, parallel)


def build_runner(config: Config, workdir: Path, validate: bool) -> tuple[EpochBasedRunner, dict[str, Loader]]:
    """The runner of a config with all its hooks, and the loaders that it takes.

    Raises:
        UserError: whatever in the config, or in the data that it names, cannot be.
    """
    parallel, data = Parallel(config["parallel"]), config["data"]
    parallel.check_batch_size(data["batch_size"])
    dataset = build_dataset(data["train"], "data.train")
    network = Network(config, dataset)
    network.check_labels(dataset, "data.train")
    processes = (jax.process_index(), jax.process_count())
    sample_order = build(data["order"], order, "data.order")
    batches = TrainBatches(dataset, data["batch_size"], config["seed"], *processes, order=sample_order)
    loaders = {"train": _loader(batches, data, parallel)}

    init_key, step_key = jax.random.split(jax.random.key(config["seed"]))
    max_epochs = _max_epochs(config["runner"])
    variables = network.init(init_key)
    if "lr" not in config["optimizer"]:
        raise UserError(f"optimizer: needs 'lr', the learning rate; it has {', '.join(config['optimizer'])}")
    schedule = build_lr_schedule(config["lr_config"], config["optimizer"]["lr"], max_epochs, len(batches))
    tx = build_optimizer(config["optimizer"], variables["params"], schedule)
    train_step = make_train_step(
        network.classifier,
        tx,
        parallel=parallel,
        grad_clip=_grad_clip(config["optimizer_config"]),
        preprocess=preprocess_of(dataset),
        augment=_augment(config["model"], network.num_classes),
    )
    evaluator = build_evaluator(config, "val", network, parallel) if validate and "val" in data else None
    if evaluator:
        loaders["val"] = evaluator.loader
    made = EpochBasedRunner(
        train_step,
        evaluator.eval_step if evaluator else None,
        parallel.place_state(create_train_state(variables, tx)),
        parallel.place_key(step_key),
        schedule=schedule,
        max_epochs=max_epochs,
        batch_size=data["batch_size"],
        work_dir=workdir,
        timestamp=time.strftime("%Y%m%d_%H%M%S"),
        meta={"env_info": env_info(), "seed": config["seed"], "config": repr(config), "CLASSES": list(dataset.classes)},
    )
    _register_hooks(made, config, evaluator)
    return made, loaders


def _loader(batches: TrainBatches | EvalBatches, data: Config, parallel: Parallel) -> Loader:
    return Loader(batches, data["num_workers"], parallel.place_batch, worker_type=data["worker_type"])


def _register_hooks(made: EpochBasedRunner, config: Config, evaluator: Evaluator | None) -> None:
    """The default hooks, at the original's priorities, and the config's own."""
    made.register_hook(build({"type": "CheckpointHook", **config["checkpoint_config"]}, hooks, "checkpoint_config"))
    made.register_hook(hooks.IterTimerHook(), "LOW")
    if evaluator:
        evaluation = {"type": "EvalHook", **config["evaluation"], "evaluator": evaluator}
        made.register_hook(build(evaluation, hooks, "evaluation"), "LOW")
    log_config = config["log_config"]
    for i, entry in enumerate(log_config.get("hooks", ())):
        interval = {"interval": log_config.get("interval", 100)}
        made.register_hook(build({**interval, **entry}, hooks, f"log_config.hooks[{i}]"), "VERY_LOW")
    made.register_hook(hooks.ProgressBarHook(), "VERY_LOW")
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


def _max_epochs(config: Config) -> int:
    kind, max_epochs = config.get("type", "EpochBasedRunner"), config.get("max_epochs")
    if kind not in runner.__all__:
        raise UserError(f"runner.type: {kind!r}; {close_names(kind, runner.__all__)}")
    for key in config:
        if key not in ("type", "max_epochs"):
            raise UserError(f"runner: no argument {key!r}; {close_names(key, ('type', 'max_epochs'))}")
    if not isinstance(max_epochs, int) or max_epochs < 1:
        raise UserError(f"runner.max_epochs: {max_epochs!r}; expected a whole number from 1")
    return max_epochs


def _grad_clip(config: Config) -> dict[str, Any] | None:
    clip = config.get("grad_clip")
    for key in config:
        if key != "grad_clip":
            raise UserError(f"optimizer_config: no argument {key!r}; {close_names(key, ('grad_clip',))}")
    for key in clip or ():
        if key not in ("max_norm", "norm_type"):
            raise UserError(
                f"optimizer_config.grad_clip: no argument {key!r}; {close_names(key, ('max_norm', 'norm_type'))}"
            )
    return clip


def resume(made: EpochBasedRunner, parallel: Parallel) -> bool:
    """Continues from the newest readable checkpoint of the runner's work directory; False where there is none."""
    assert made.checkpoints is not None
    found = made.checkpoints.restore_newest()
    if found is None:
        return False
    arrays, meta = found
    made.state = parallel.place_state(fit(made.state, arrays, f"checkpoint {meta['number']} in {made.work_dir}"))
    made.epoch, made.iter = meta["epoch"], meta["iter"]
    made.logger.info("resumed epoch %d, iter %d", made.epoch, made.iter)
    return True


def load_weights(state: TrainState, path: str, parallel: Parallel) -> TrainState:
    """The state with the parameters and statistics of the checkpoint (or work directory) `path`."""
    _, folder = locate(path)
    return parallel.place_state(state.replace(**load_variables(state.variables, folder)))


def load_variables(template: Any, folder: Path) -> dict[str, Any]:
    """The classifier's variables of a checkpoint folder."""
    arrays, _ = restore_checkpoint(folder)
    given = {name: arrays.get(name, {}) for name in template}
    return fit(dict(template), given, f"checkpoint {folder}")
