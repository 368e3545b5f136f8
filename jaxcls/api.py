"""What the commands call, and what a notebook calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from ml_collections import ConfigDict

from jaxcls import stopping
from jaxcls.builder import as_json
from jaxcls.config import complete, save_config
from jaxcls.data.pipeline import Dataset, Loader, TrainBatches, build_dataset
from jaxcls.data.report import class_report
from jaxcls.data.views import build_views, views_of
from jaxcls.engine import assembly, compilation, processes
from jaxcls.engine.balance import balanced, balanced_as
from jaxcls.engine.checkpoints.continuation import continue_run, load_from
from jaxcls.engine.checkpoints.loading import choose, load_variables, read_notes
from jaxcls.engine.checkpoints.storage import Checkpoints, has_checkpoint, locate
from jaxcls.engine.evaluation import Predictions
from jaxcls.engine.evaluation_data import evaluation_dataset, in_terms_of_original
from jaxcls.engine.log import close_log, get_logger, last_timestamp, open_log, quiet_others
from jaxcls.engine.network import Network
from jaxcls.engine.runner import Runner
from jaxcls.engine.step.parallel import build_parallel
from jaxcls.engine.workdir import check_free, held, opened
from jaxcls.errors import UserError
from jaxcls.inference.teacher import load_teacher


def train_model(
    config: ConfigDict | Mapping[str, Any],
    workdir: str | os.PathLike,
    *,
    validate: bool = True,
    resume: bool = False,
) -> Runner:
    """Trains as a config says, and returns the runner at its end.

    Args:
        config: what a `get_config` gives.
        workdir: where the logs and checkpoints go; made when all that the config names has been checked. An address of
            object storage, such as `gs://bucket/run`: the run works in a copy on this machine, which is sent there.
        validate: whether to evaluate on `data.val`.
        resume: continue from the newest readable checkpoint in `workdir`; start where there is none.

    Raises:
        UserError: a mistake in the config or the data, or a work directory that holds another run.
        Interrupted: a signal asked for the end; all is saved.
    """
    quiet_others()
    config = complete(config)
    compilation.prepare(config["compilation_cache"])
    with ExitStack() as stack:
        stack.callback(close_log)
        given, workdir = workdir, stack.enter_context(opened(workdir))
        own = config["resume_from"] and locate(config["resume_from"])[0] == workdir
        check_free(workdir, continues=bool(resume or own), given=given)
        stack.enter_context(stopping.continuable(resume and has_checkpoint(workdir)))
        runner, loaders, config = assembly.build_runner(config, workdir, validate, load_teacher(config))
        for loader in loaders.values():
            stack.enter_context(loader)
        runner.check(loaders, config["workflow"])
        processes.barrier("checked")
        runner.checkpoints = Checkpoints(workdir)
        stack.callback(runner.checkpoints.close)
        try:
            if continue_run(runner, resume, config["resume_from"]):
                runner.timestamp = last_timestamp(workdir) or runner.timestamp
            elif config["load_from"]:
                load_from(runner, config["load_from"])
            runner.work_dir.mkdir(parents=True, exist_ok=True)
            if processes.is_first():
                stack.enter_context(held(workdir))
            _begin(runner, config, loaders["train"])
        except OSError as error:
            raise UserError(f"the work directory cannot be written: {error}") from error
        runner.run(loaders, config["workflow"])
        return runner


def _begin(runner: Runner, config: Mapping[str, Any], loader: Loader) -> None:
    """The work directory's config and the log's first lines."""
    assert runner.checkpoints is not None
    if processes.is_first():
        save_config(config, runner.work_dir / "config.json")
        if runner.checkpoints.best is None:  # what an earlier run noted is not this one's
            (runner.work_dir / "best.json").unlink(missing_ok=True)
    open_log(runner.work_dir / f"{runner.timestamp}.log")
    runner.logger.info("Environment info:\n%s", runner.meta["env_info"])
    runner.logger.info("Config:\n%s", json.dumps(as_json(config), indent=2))
    assert isinstance(loader.batches, TrainBatches)
    dataset = loader.batches.dataset
    runner.logger.info("Training data:\n%s", class_report(dataset.classes, dataset.labels))


def evaluate_model(
    config: ConfigDict | Mapping[str, Any],
    checkpoint: str | os.PathLike,
    split: str = "val",
    metric: str | Sequence[str] | None = None,
    metric_options: Mapping[str, Any] | None = None,
    keep: Callable[[Predictions], None] | None = None,
    *,
    begin: Callable[[Dataset], None] | None = None,
    tta: bool = False,
    weights: str | None = None,
    deploy: bool = False,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The numbers of a checkpoint on `data.val` or `data.test`, name -> percent, and the classes' names.

    Args:
        config: the run's.
        checkpoint: as `load_checkpoint` takes it.
        split: `val` or `test`.
        metric: names; None: those of `config.evaluation`, or `accuracy`, with several labels an image `mAP`.
        metric_options: theirs; None: those of `config.evaluation`.
        keep: gets the predictions of each batch.
        begin: gets the data, when all is checked and before anything runs.
        tta: test-time augmentation by `config.data.tta` (`jaxcls.data.views`).
        weights: `ema`: the averages; `raw`: those that training moves; None: the averages where the run kept such, and
            with `config.ema.evaluate_raw` the raw ones too.
        deploy: evaluate the form that `jaxcls.deploy` gives.

    Raises:
        UserError: the checkpoint does not fit the config, or the data is not there.
    """
    get_logger()  # what the data warns of is to be seen
    config = complete(config)
    compilation.prepare(config["compilation_cache"])
    saved, evaluation = read_notes(checkpoint), config["evaluation"]
    dataset = evaluation_dataset(config, split, saved.get("classes"), "the checkpoint")
    if own := saved.get("original_classes"):
        dataset = in_terms_of_original(dataset, own, f"data.{split}")
    config = {**config, "model": balanced_as(config["model"], saved["model"])} if "model" in saved else config
    config = balanced(config, lambda: build_dataset(config["data"]["train"], "data.train"))
    network = Network(config, dataset, build_parallel(config["parallel"]), saved.get("image_shape"))
    views = build_views(views_of(config["data"])) if tta else None
    if tta and "tta" not in config["data"]:
        get_logger().info("data.tta is missing; views by what training does: %s", dict(views_of(config["data"])))
    evaluator = assembly.build_evaluator(config, split, dataset, network, views)
    where = "" if metric else "evaluation."
    if metric is None:
        metric = evaluation.get("metric")
        metric_options = metric_options or evaluation.get("metric_options")
    evaluator.metrics(metric, metric_options, where)
    chosen = _weights(network, checkpoint, weights, (config["ema"] or {}).get("evaluate_raw", False))
    if deploy:
        made = [network.deployed(variables) for variables in chosen]
        chosen = [variables for _, variables in made]
        evaluator.eval_step = assembly.build_eval_step(made[0][0], evaluator.dataset, views)
    if begin is not None:
        begin(dataset)
    with evaluator.loader:
        numbers = evaluator.evaluate(chosen[0], metric, metric_options, keep)
        for raw in chosen[1:]:
            raw_numbers = evaluator.evaluate(raw, metric, metric_options)
            numbers |= {f"raw_{name}": value for name, value in raw_numbers.items()}
        return numbers, dataset.classes


def _weights(
    network: Network, checkpoint: str | os.PathLike, weights: str | None, evaluate_raw: bool
) -> list[Mapping[str, Any]]:
    """The variables to evaluate, one set or the averages and the raw ones."""
    averaged, raw = load_variables(network.classifier, network.shapes, checkpoint)
    if weights is None and evaluate_raw:
        return [averaged, raw]
    return [choose(averaged, raw, weights, str(checkpoint))]
