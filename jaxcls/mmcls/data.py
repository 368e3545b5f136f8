"""`data` and `sampler` of the original -> ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxcls.errors import close_names
from jaxcls.mmcls.batch import global_batch
from jaxcls.mmcls.inheritance import ConfigFile
from jaxcls.mmcls.pipeline import translate_pipeline
from jaxcls.mmcls.translation import Translation

SPLITS = ("train", "val", "test")
OF_THE_LOADER = (
    *("pin_memory", "pin_memory_device", "persistent_workers", "prefetch_factor", "timeout", "worker_init_fn"),
    *("multiprocessing_context", "generator", "round_up", "mode"),  # the last is an IPU's
)
LOADER = ("samples_per_gpu", "workers_per_gpu", "drop_last", "shuffle", *OF_THE_LOADER)
KEYS = (*LOADER, *SPLITS, *(f"{split}_dataloader" for split in SPLITS))
# those that find their images by `test_mode`, which the original sets where it validates and tests
HALVED = ("CIFAR10", "CIFAR100", "MNIST", "FashionMNIST", "CUB", "StanfordCars", "KFoldDataset")
GPUS_OF_A_HOST = 8


def translate_data(data: Any, file: ConfigFile, to: Translation) -> None:
    """`data`: the batch, the workers, and what each split reads."""
    if not isinstance(data, Mapping):
        to.config["data"] = data
        return
    to.problems += [f"data has no key {key!r}; {close_names(key, KEYS)}" for key in data if key not in KEYS]
    loader = {key: data[key] for key in data if key in LOADER}
    for split in SPLITS:
        _check_loader(data.get(f"{split}_dataloader") or {}, split, to)
    loader |= {key: value for key, value in (data.get("train_dataloader") or {}).items() if key in LOADER}
    loader = to.without(loader, OF_THE_LOADER, "data")
    if not loader.pop("shuffle", True):
        to.problems.append("data.shuffle: False; training data is shuffled in every epoch here")
    sizes = _sizes(loader.pop("samples_per_gpu", None), loader.pop("workers_per_gpu", None), file, to)
    splits = {split: translate_source(data[split], split, f"data.{split}", to) for split in SPLITS if split in data}
    to.config["data"] = sizes | loader | splits


def _check_loader(loader: Mapping[str, Any], split: str, to: Translation) -> None:
    where = f"data.{split}_dataloader"
    to.problems += [f"{where} has no key {key!r}; {close_names(key, LOADER)}" for key in loader if key not in LOADER]
    if split != "train" and loader:
        to.ignored.append(f"{where} (the numbers of an evaluation do not depend on its batches)")


def _sizes(samples: Any, workers: Any, file: ConfigFile, to: Translation) -> dict[str, int]:
    """`batch_size` and `num_workers`."""
    if not isinstance(samples, int) or samples < 1:
        to.problems.append(f"data.samples_per_gpu: {samples!r}; expected a whole number from 1")
        return {"batch_size": 1}  # nothing more to say of it
    batch_size, gpus = global_batch(file, samples, to)
    if workers is None:
        return {"batch_size": batch_size}
    if not isinstance(workers, int):
        to.problems.append(f"data.workers_per_gpu: {workers!r}; expected a whole number")
        return {"batch_size": batch_size}
    return {"batch_size": batch_size, "num_workers": max(workers * min(gpus, GPUS_OF_A_HOST), 1)}


def translate_source(node: Any, split: str, where: str, to: Translation) -> Any:
    """A dataset, or a list of them, with those inside."""
    if isinstance(node, list | tuple):
        return [translate_source(part, split, f"{where}[{i}]", to) for i, part in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    node = to.without(dict(node), ("file_client_args",), where)
    kind = node.get("type")
    if split != "train" and kind in HALVED and node.get("test_mode") is None:
        node["test_mode"] = True
    inner = "train" if kind == "KFoldDataset" else split
    for key in ("dataset", "datasets"):
        if key in node:
            node[key] = translate_source(node[key], inner, f"{where}.{key}", to)
    if "pipeline" in node:
        node["pipeline"] = translate_pipeline(node["pipeline"], kind or "", f"{where}.pipeline", to)
    return node


def translate_sampler(sampler: Any, file: ConfigFile, to: Translation) -> None:
    """`sampler`: that of the training data."""
    if isinstance(sampler, Mapping):
        sampler = to.without(dict(sampler), ("shuffle", "round_up", "seed"), "sampler")
        if sampler.get("type") in (None, "DistributedSampler"):
            return
    if isinstance(data := to.config.get("data"), dict):
        data["sampler"] = sampler
