"""What the commands call, and what a notebook calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxcls.config import complete, save_config
from jaxcls.data.pipeline import TrainBatches, build_dataset
from jaxcls.data.report import class_report
from jaxcls.engine import assembly
from jaxcls.engine.checkpoint import FOLDER, Checkpoints, locate
from jaxcls.engine.evaluation import Predictions
from jaxcls.engine.log import open_log
from jaxcls.engine.parallel import Parallel
from jaxcls.engine.runner import EpochBasedRunner
from jaxcls.errors import UserError


def train_model(
    config: ConfigDict | Mapping[str, Any],
    workdir: str | os.PathLike,
    *,
    validate: bool = True,
    resume: bool = False,
) -> EpochBasedRunner:
    """Trains as a config says, and returns the runner at its end.

    Args:
        config: what a `get_config` gives.
        workdir: where the logs and checkpoints go; made when all that the config names has been checked.
        validate: whether to evaluate on `data.val`.
        resume: continue from the newest readable checkpoint in `workdir`; start where there is none.

    Raises:
        UserError: a mistake in the config or the data, or a work directory that holds another run.
    """
    config, workdir = complete(config), Path(workdir).absolute()
    if config["resume_from"]:
        workdir, resume = locate(config["resume_from"])[0], True
    if not resume and (workdir / "config.json").exists():
        raise UserError(f"{workdir} holds a run already; continue it with --resume, or give another --workdir")
    runner, loaders = assembly.build_runner(config, workdir, validate)
    parallel = Parallel(config["parallel"])
    if config["load_from"] and not (resume and (workdir / FOLDER).exists()):
        runner.state = assembly.load_weights(runner.state, config["load_from"], parallel)
    runner.checkpoints = Checkpoints(workdir)
    if resume:
        assembly.resume(runner, parallel)
    workdir.mkdir(parents=True, exist_ok=True)
    save_config(config, workdir / "config.json")
    open_log(workdir / f"{runner.timestamp}.log")
    runner.logger.info("Environment info:\n%s", runner.meta["env_info"])
    runner.logger.info("Config:\n%s", (workdir / "config.json").read_text())
    batches = loaders["train"].batches
    assert isinstance(batches, TrainBatches)
    runner.logger.info("Training data:\n%s", class_report(batches.dataset.classes, batches.dataset.labels))
    try:
        runner.run(loaders, config["workflow"])
    finally:
        for loader in loaders.values():
            loader.close()
        runner.checkpoints.close()
    return runner


def evaluate_model(
    config: ConfigDict | Mapping[str, Any],
    checkpoint: str | os.PathLike,
    split: str = "val",
    metric: str | Sequence[str] | None = None,
    metric_options: Mapping[str, Any] | None = None,
    keep: Callable[[Predictions], None] | None = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The numbers of a checkpoint on `data.val` or `data.test`, name -> percent, and the classes' names.

    Args:
        config: the run's.
        checkpoint: a work directory (its best checkpoint, else its newest) or one checkpoint.
        split: `val` or `test`.
        metric: names; None: those of `config.evaluation`.
        metric_options: theirs; None: those of `config.evaluation`.
        keep: gets the predictions of each batch.

    Raises:
        UserError: the checkpoint does not fit the config, or the data is not there.
    """
    config = complete(config)
    evaluation, parallel = config["evaluation"], Parallel(config["parallel"])
    dataset = build_dataset(config["data"].get(split, config["data"]["train"]), f"data.{split}")
    network = assembly.Network(config, dataset)
    evaluator = assembly.build_evaluator(config, split, network, parallel)
    if metric is None:
        metric = evaluation.get("metric", "accuracy")
        metric_options = metric_options or evaluation.get("metric_options")
    evaluator.check(metric, metric_options)
    variables = assembly.load_variables(network.shapes, locate(checkpoint)[1])
    with evaluator.loader:
        return evaluator.evaluate(variables, metric, metric_options, keep), dataset.classes
