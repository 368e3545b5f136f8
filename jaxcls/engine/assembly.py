"""Config -> the parts of a run, each checked before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxcls.arguments import unknown_keys
from jaxcls.builder import build, lookup
from jaxcls.data import sampler
from jaxcls.data.pipeline import (
    Dataset,
    EvalBatches,
    Loader,
    ResidentBatches,
    TrainBatches,
    build_dataset,
    with_pipeline,
)
from jaxcls.data.sources.base import digest
from jaxcls.data.views import Views, build_views
from jaxcls.engine import hooks, runner
from jaxcls.engine.balance import balanced
from jaxcls.engine.checkpoints.weights import load_pretrained
from jaxcls.engine.description import describe
from jaxcls.engine.distillation import Trained, build_teacher, check_head, settings
from jaxcls.engine.evaluation import Evaluator
from jaxcls.engine.evaluation_data import evaluation_dataset
from jaxcls.engine.log import env_info, get_logger
from jaxcls.engine.network import Network, fitted, preprocess_of
from jaxcls.engine.optim.optimisation import Optimisation
from jaxcls.engine.processes import first_process_first
from jaxcls.engine.runner import Runner
from jaxcls.engine.step.ema import Ema
from jaxcls.engine.step.parallel import Parallel, build_parallel
from jaxcls.engine.step.teacher import Teacher
from jaxcls.engine.step.train_state import create_train_state
from jaxcls.engine.step.train_step import make_train_step
from jaxcls.errors import UserError, refuse

Config = Mapping[str, Any]


def build_evaluator(
    config: Config, split: str, dataset: Dataset, network: Network, views: Views | None = None
) -> Evaluator:
    """What evaluates on a config's `val` or `test` data.

    Args:
        config: the whole config.
        split: which data.
        dataset: the data.
        network: what is evaluated.
        views: test-time augmentation.

    Raises:
        UserError: the data or the views do not fit the network.
    """
    network.check(dataset, f"data.{split}")
    if views is not None and views.pipeline is not None:
        dataset = with_pipeline(dataset, views.pipeline, "data.tta.pipeline")
    parallel = network.parallel
    devices = len(parallel.devices)
    batch_size = -(-config["data"]["batch_size"] // devices) * devices
    batches = EvalBatches(dataset, batch_size, jax.process_index(), jax.process_count())
    loader = _loader(batches, config["data"], parallel)
    return Evaluator(build_eval_step(network, dataset, views), loader, parallel)


def build_eval_step(network: Network, dataset: Dataset, views: Views | None = None) -> Callable[..., Any]:
    """The network's evaluation step for images of a dataset."""
    image = dataset.image.shape if views else ()
    return network.make_eval_step(preprocess_of(dataset), views, image)


def build_runner(
    config: Config, workdir: Path, validate: bool, trained: Trained | None = None
) -> tuple[Runner, dict[str, Loader], Config]:
    """The runner of a config with all its hooks, the loaders that it takes, and the config as it is to be saved.

    Args:
        config: the whole.
        workdir: where the run will write.
        validate: whether to evaluate on `data.val`.
        trained: the teacher that the config's `model.train_cfg.distill` names.

    Raises:
        UserError: whatever in the config, or in the data that it names, cannot be.
    """
    parallel, data = build_parallel(config["parallel"]), config["data"]
    parallel.check_batch_size(data["batch_size"])
    with first_process_first("data"):
        dataset = build_dataset(data["train"], "data.train")
    config = balanced(config, lambda: dataset)
    network = Network(config, dataset, parallel)
    network.check(dataset, "data.train")
    teacher = _teacher(config, network, dataset, trained)
    evaluator, val = None, None
    if validate and "val" in data:
        val = evaluation_dataset(config, "val", dataset.classes, "data.train")
        evaluator = build_evaluator(config, "val", val, network)
        if "tta" in data:
            build_evaluator(config, "val", val, network, build_views(data["tta"]))  # now, not after the training
    processes = (jax.process_index(), jax.process_count())
    samples = build(data["sampler"], sampler, "data.sampler")
    kind_of_batches = ResidentBatches if data["on_device"] else TrainBatches
    batches = kind_of_batches(dataset, data["batch_size"], config["seed"], *processes, samples, data["drop_last"])
    loaders = {"train": _loader(batches, data, parallel)}

    kind, length = runner_kind(config["runner"])
    optimisation = Optimisation(config, kind, length, len(batches))
    init_key, step_key = jax.random.split(jax.random.key(config["seed"]))
    variables = load_pretrained(network.classifier, config["model"], fitted(network, network.init(init_key), batches))
    tx = optimisation.build_tx(variables["params"], network.classifier.layout)

    def begin(variables: Mapping[str, Any]) -> Any:
        return parallel.place_state(create_train_state(variables, tx, optimisation.options))

    train_step = make_train_step(
        network.classifier, tx, parallel=parallel, inputs=network.inputs, options=optimisation.options, teacher=teacher
    )
    if evaluator:
        loaders["val"] = evaluator.loader
    made = kind(
        train_step,
        evaluator.eval_step if evaluator else None,
        begin(variables),
        parallel.place_key(step_key),
        schedule=optimisation.schedule,
        momentum_schedule=optimisation.momentum_schedule,
        length=length,
        batch_size=data["batch_size"],
        work_dir=workdir,
        meta={"env_info": env_info(), "seed": config["seed"], "config": repr(config), "CLASSES": list(dataset.classes)},
        identity=_identity(config, kind, dataset) | {"fingerprint of the teacher": trained and trained.fingerprint},
        description=describe(config, (val or dataset).image.shape),
        network=network,
        begin=begin,
    )
    _register_hooks(made, config, evaluator, optimisation.options.ema)
    return made, loaders, config


def _teacher(config: Config, network: Network, dataset: Dataset, trained: Trained | None) -> Teacher | None:
    node = settings(config["model"])
    if node is None or trained is None:
        check_head(network)
        return None
    get_logger().info("teacher: %s, fingerprint %s", trained.source, trained.fingerprint)
    return build_teacher(trained, network, dataset, node)


def runner_kind(config: Config) -> tuple[type[Runner], int]:
    """The runner's class, and the training's length in what it counts."""
    name = config.get("type", "EpochBasedRunner")
    kind = lookup(name, runner, "runner.type")
    key = "max_epochs" if kind.by_epoch else "max_iters"
    refuse(unknown_keys(config, ("type", key), "runner", name))
    length = config.get(key)
    if not isinstance(length, int) or length < 1:
        raise UserError(f"runner.{key}: {length!r}; expected a whole number from 1")
    return kind, length


def _identity(config: Config, kind: type[Runner], dataset: Dataset) -> dict[str, Any]:
    """What a continued run cannot change."""
    by_epoch = all((kind.by_epoch, *(config[key].get("by_epoch", True) for key in ("checkpoint_config", "evaluation"))))
    return {
        "numbered_by": "epoch" if by_epoch else "iteration",
        "batch_size": config["data"]["batch_size"],
        "samples": len(dataset),
        "drop_last": config["data"]["drop_last"],
        "classes": list(dataset.classes),
        "fingerprint of the labels": digest(np.ascontiguousarray(dataset.labels, np.int32).tobytes()),
        "fingerprint of the file names": dataset.source.names_digest(),
        "seed": config["seed"],
        "optimizer": config["optimizer"].get("type"),
    }


def _loader(batches: TrainBatches | EvalBatches, data: Config, parallel: Parallel) -> Loader:
    if not isinstance(batches, ResidentBatches):
        return Loader(batches, data["num_workers"], parallel.place_batch, worker_type=data["worker_type"])
    size = batches.images.nbytes / 2**20
    get_logger().info("%d training images are on the device, %.0f MiB", len(batches.images), size)
    return Loader(batches, 0, parallel.picker(batches.images, "image", "index"))  # nothing is left for workers


def _register_hooks(made: Runner, config: Config, evaluator: Evaluator | None, ema: Ema | None) -> None:
    """The default hooks, at the original's priorities, and the config's own."""
    by_epoch = {"by_epoch": made.by_epoch}
    checkpoint = {"type": "CheckpointHook", **by_epoch, **config["checkpoint_config"]}
    made.register_hook(build(checkpoint, hooks, "checkpoint_config"))
    given = config["optimizer_config"]
    limit = {"limit": given["max_skipped_updates"]} if "max_skipped_updates" in given else {}
    made.register_hook(build({"type": "SkippedUpdatesHook", **limit}, hooks, "optimizer_config.max_skipped_updates"))
    made.register_hook(hooks.IterTimerHook())
    if evaluator:
        evaluation = {"type": "EvalHook", **by_epoch, **config["evaluation"], "evaluator": evaluator}
        raw = ema is not None and ema.evaluate_raw
        made.register_hook(build(evaluation, hooks, "evaluation", **({"evaluate_raw": True} if raw else {})))
    elif name := config["evaluation"].get("save_best"):
        get_logger().warning("evaluation.save_best: %r does nothing: the run has no evaluation", name)
    log_config = config["log_config"]
    for i, entry in enumerate(log_config.get("hooks", ())):
        interval = {"interval": log_config.get("interval", 100)}
        made.register_hook(build({**interval, **entry}, hooks, f"log_config.hooks[{i}]"), "VERY_LOW")
    made.register_hook(hooks.ProgressBarHook())
    for i, entry in enumerate(config["custom_hooks"]):
        made.register_hook_from_cfg(entry, f"custom_hooks[{i}]")
