"""Cross-validation: trains once for each fold of the training data, and says the mean and the spread.

    python -m jaxcls.tools.kfold --config=configs/resnet.py --num_splits=5 --workdir=work_dirs/kfold
    python -m jaxcls.tools.kfold --config=configs/resnet.py --num_splits=5 --workdir=work_dirs/kfold --fold=2
    python -m jaxcls.tools.kfold --num_splits=5 --workdir=work_dirs/kfold --summary

Fold k trains in WORKDIR/foldk with seed + k on all other folds, and validates on its own; a run that was stopped goes
on. --fold trains one of them, for several machines; --summary reads what is there. The last line is one JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxcls.errors import UserError
from jaxcls.inspect.folds import fold_of
from jaxcls.inspect.logs import Log
from jaxcls.inspect.trainings import train_quietly
from jaxcls.paths import expand
from jaxcls.tools.command_line import CommandLine, natural, positive, start


def train_folds(
    config: Mapping[str, Any], workdir: Path, num_splits: int, folds: Sequence[int], stratified: bool = True
) -> None:
    """Trains the folds that have not been trained to the end.

    Raises:
        UserError: a mistake in the config, before the first of them starts.
    """
    configs = {fold: fold_of(config, fold, num_splits, stratified) for fold in folds}
    for fold, one in configs.items():
        place = workdir / f"fold{fold}"
        print(f"{place}: trains; its log is in that folder", flush=True)
        train_quietly({**one, "seed": one["seed"] + fold}, place, resume=True)
        print(f"{place}: " + ", ".join(f"{name} {value:.4g}" for name, value in _numbers(place).items()), flush=True)


def _numbers(place: Path) -> dict[str, float]:
    """Those of a fold's last evaluation."""
    evaluations = [line for line in Log(place).lines if line.get("mode") == "val"]
    if not evaluations:
        raise UserError(f"{place}: no evaluation in its log")
    known = ("mode", "epoch", "iter", "lr", "x")
    return {key: value for key, value in evaluations[-1].items() if key not in known and isinstance(value, int | float)}


def summary(workdir: Path, num_splits: int) -> dict[str, list[float]]:
    """Number -> its value in the last evaluation of each fold.

    Raises:
        UserError: a fold has no evaluation yet.
    """
    last = [_numbers(workdir / f"fold{fold}") for fold in range(num_splits)]
    return {name: [numbers[name] for numbers in last if name in numbers] for name in last[0]}


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "kfold")
    line.add_config(required=False)
    line.add_argument("--num_splits", type=positive, default=5, help="how many folds; default: 5")
    line.add_argument("--workdir", required=True, help="the folds' work directories go into it")
    line.add_argument("--fold", type=natural, help="train this one alone, from 0")
    line.add_argument("--summary", action="store_true", help="train nothing")
    line.add_argument("--not_stratified", action="store_true", help="split all images at once, not each class")
    options = line.options(arguments)
    workdir, count, fold = expand(options["workdir"]), options["num_splits"], options["fold"]
    if not options["summary"]:
        if options["config"] is None:
            raise UserError("--config is missing; give a recipe, or --summary")
        folds = range(count) if fold is None else (fold,)
        train_folds(options["config"], workdir, count, folds, not options["not_stratified"])
        if fold is not None:
            return
    numbers = summary(workdir, count)
    for name, values in numbers.items():
        each = ", ".join(f"{value:.4g}" for value in values)
        print(f"{name}: {np.mean(values):.4f} ± {np.std(values):.4f} ({each})")
    print(json.dumps({name: {"mean": np.mean(v), "std": np.std(v), "folds": v} for name, v in numbers.items()}))


if __name__ == "__main__":
    start(main)
