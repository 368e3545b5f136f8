"""A config -> a dataset: a source and its transforms."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxcls.builder import build, plain
from jaxcls.data import sources, transforms
from jaxcls.data.batches import EvalBatches, ResidentBatches, TrainBatches
from jaxcls.data.dataset import Dataset, Transform
from jaxcls.data.loader import Loader
from jaxcls.data.sources.base import Source
from jaxcls.data.transforms import Lighting, LoadImageFromFile, Normalize
from jaxcls.data.transforms.base import ImageTransform, OnDevice
from jaxcls.data.transforms.formatting import Formatting
from jaxcls.errors import UserError

_log = logging.getLogger("jaxcls")
__all__ = [
    "Dataset",
    "EvalBatches",
    "Loader",
    "ResidentBatches",
    "TrainBatches",
    "build_dataset",
    "build_pipeline",
    "build_transform",
    "evaluation_pipeline",
    "take_pipelines",
    "with_pipeline",
]


def build_transform(config: Mapping[str, Any], where: str = "transform") -> Any:
    """The transform that a config node describes, called as `transform(sample, rng)`."""
    return build(config, transforms, where)


def build_pipeline(
    configs: Iterable[Mapping[str, Any]], where: str = "pipeline"
) -> tuple[tuple[Transform, ...], tuple[OnDevice, ...], Normalize | None]:
    """The host's transforms, the device's random ones and its normalisation, of a pipeline.

    Raises:
        UserError: an image transform stands after `Normalize`, there are two of them, or one of the host's stands after
            one of the device's.
    """
    built = [build_transform(config, f"{where}[{i}]") for i, config in enumerate(configs)]
    steps = [step for step in built if not isinstance(step, Formatting)]
    places = [i for i, step in enumerate(steps) if isinstance(step, Normalize)]
    if not places:
        return *_split_host(steps, where), None
    if places != [len(steps) - 1]:
        raise UserError(
            f"{where}: Normalize runs on the device and has to be the last image transform, once; "
            f"got {', '.join(type(step).__name__ for step in steps)}"
        )
    *host, normalize = steps
    # The original's images are BGR at first, and each of these steps may exchange red and blue.
    reads_files = any(isinstance(step, LoadImageFromFile) for step in host)
    exchanges = normalize.to_rgb + sum(step.to_rgb for step in host if isinstance(step, Lighting))
    if reads_files and exchanges % 2 == 0:
        normalize = dataclasses.replace(normalize, bgr=True)
    return *_split_host(host, where), normalize


def _split_host(steps: list[Any], where: str) -> tuple[tuple[Transform, ...], tuple[OnDevice, ...]]:
    """The steps of the host, and those of the device, which follow them."""
    on_device = [isinstance(step, OnDevice) and step.on_device for step in steps]
    count = len(steps) - sum(on_device)
    if any(on_device[:count]):
        names = ", ".join(type(step).__name__ for step in steps[on_device.index(True) :])
        raise UserError(f"{where}: what has on_device=True has to come after the host's transforms; got {names}")
    return tuple(steps[:count]), tuple(steps[count:])


def build_dataset(config: Mapping[str, Any] | Sequence[Any], where: str = "data.train") -> Dataset:
    """The dataset of a config node: a source's `type` and arguments, and a `pipeline` (a list of transforms).

    `on_error` and `max_errors` are the `Dataset`'s. A list of nodes is concatenated; the nodes in a list or in a
    wrapper (`RepeatDataset`, ...) may hold the pipeline, all of them the same one.

    Raises:
        UserError: an argument is wrong, the source is empty, or source and pipeline do not fit.
    """
    arguments = plain(config)
    if isinstance(arguments, tuple):
        arguments = {"type": "ConcatDataset", "datasets": arguments}
    arguments, pipelines = take_pipelines(arguments)
    if any(pipeline != pipelines[0] for pipeline in pipelines):
        raise UserError(f"{where}: the parts have different pipelines; expected one and the same")
    host, device, normalize = build_pipeline(pipelines[0] if pipelines else (), f"{where}.pipeline")
    options = {key: arguments.pop(key) for key in ("on_error", "max_errors") if key in (arguments or ())}
    source = build(arguments, sources, where)
    if len(source) == 0:
        raise UserError(f"{where}: the source has no samples")
    _check_reading(source, host, f"{where}.pipeline")
    try:
        return Dataset(source, host, normalize, device, **options)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def with_pipeline(dataset: Dataset, pipeline: Sequence[Mapping[str, Any]], where: str) -> Dataset:
    """The dataset with other transforms, for evaluation.

    Raises:
        UserError: they do not fit the source, or are random and for training.
    """
    host, device, normalize = build_pipeline(pipeline, where)
    _check_reading(dataset.source, host, where)
    if device:
        raise UserError(f"{where}: what has on_device=True is random and for training only")
    return dataclasses.replace(dataset, transforms=host, normalize=normalize)


def _check_reading(source: Source, host: Sequence[Transform], where: str) -> None:
    first, name = source[0], type(source).__name__
    if "filename" not in first and any(isinstance(step, LoadImageFromFile) for step in host):
        raise UserError(f"{where}: {name} gives images; remove LoadImageFromFile")
    if "image" not in first and (not host or isinstance(host[0], ImageTransform)):
        raise UserError(f"{where}: {name} gives file names; begin with LoadImageFromFile")


def evaluation_pipeline(data: Mapping[str, Any], image_shape: Sequence[int]) -> tuple[Any, ...]:
    """The transforms' configs by which images are evaluated: those of `val`, else of `test`.

    Without either: those of `train` that read and normalise an image, and between them a resize to the network's size.

    Args:
        data: a config's `data`.
        image_shape: (H, W, C) as the network sees images.
    """
    for split in ("val", "test"):
        if split in data:
            _, pipelines = take_pipelines(plain(data[split]))
            return tuple(pipelines[0]) if pipelines else ()
    _, pipelines = take_pipelines(plain(data["train"]))
    nodes = [(node, build_transform(node)) for node in (pipelines[0] if pipelines else ())]
    _log.warning("no data.val and no data.test: images to predict are resized to %d x %d as they are", *image_shape[:2])
    read, normalize = (
        [node for node, step in nodes if isinstance(step, kind)] for kind in (LoadImageFromFile, Normalize)
    )
    return (*read, {"type": "Resize", "size": tuple(image_shape[:2])}, *normalize)


def take_pipelines(node: Any) -> tuple[Any, list[Any]]:
    """A source's node without pipelines, in it and in its `dataset` or `datasets`, and these."""
    if isinstance(node, tuple):
        parts = [take_pipelines(part) for part in node]
        return tuple(part for part, _ in parts), [pipeline for _, found in parts for pipeline in found]
    if not isinstance(node, dict):
        return node, []
    pipelines = [node["pipeline"]] if "pipeline" in node else []
    rest = {key: value for key, value in node.items() if key != "pipeline"}
    for key in rest.keys() & {"dataset", "datasets"}:
        rest[key], found = take_pipelines(rest[key])
        pipelines += found
    return rest, pipelines
