"""Parts of a config's training data, to train and to validate on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxcls.builder import plain
from jaxcls.config import complete
from jaxcls.errors import UserError


def fold_of(config: Mapping[str, Any], fold: int, num_splits: int, stratified: bool = True) -> dict[str, Any]:
    """The config with all folds of its training data but one to train on, and that one as `data.val`.

    The validating pipeline is that of `data.val`, else of `data.test`. `data.test` stays.

    Args:
        config: what a `get_config` gives.
        fold: which, from 0.
        num_splits: how many.
        stratified: whether each class is split by itself; data with several labels an image cannot be.

    Raises:
        UserError: a fold that is not there, or no pipeline to validate with.
    """
    if num_splits < 2 or not 0 <= fold < num_splits:
        raise UserError(f"fold={fold}, num_splits={num_splits}; expected 2 folds or more, one of 0 to {num_splits - 1}")
    full = complete(config)
    data = dict(full["data"])
    held_out = data.get("val") or data.get("test")
    if not isinstance(data["train"], dict) or "pipeline" not in data["train"]:
        raise UserError("data.train: expected one source with its own pipeline, to be split into folds")
    if not isinstance(held_out, dict) or "pipeline" not in held_out:
        raise UserError("data.val: needs a pipeline, by which the fold that is left out is validated")
    source = plain(data["train"])
    options = {key: source.pop(key) for key in ("on_error", "max_errors") if key in source}
    pipeline = source.pop("pipeline")
    folds = dict(
        type="KFoldDataset", dataset=source, fold=fold, num_splits=num_splits, seed=full["seed"], stratified=stratified
    )
    data["train"] = {**folds, **options, "pipeline": pipeline}
    data["val"] = {**folds, "test_mode": True, "pipeline": held_out["pipeline"]}
    return {**full, "data": data}
