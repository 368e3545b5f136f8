"""The global batch: what one GPU takes, times the number of GPUs that a config was written for."""

from __future__ import annotations

import re
from typing import NamedTuple

from jaxcls.mmcls.inheritance import ConfigFile
from jaxcls.mmcls.translation import Translation

_NAME = re.compile(r"(?:^|[^0-9a-zA-Z])(\d+)xb(\d+)(?![0-9])")  # resnet50_8xb32_in1k: GPUs, images of each
_OLD_NAME = re.compile(r"(?:^|[^0-9a-zA-Z])b(\d+)x(\d+)(?![0-9])")  # resnet50_b32x8_imagenet, in either order


class Gpus(NamedTuple):
    """What the name of a file says: how many GPUs, and how many images each of them takes."""

    number: int
    samples: int
    name: str


def gpus_of(file: ConfigFile, samples_per_gpu: int) -> Gpus | None:
    """The GPUs in a config file's name, or where it is an old name, in that of the file that it stands for."""
    stem = file.path.stem
    if found := _NAME.search(stem):
        return Gpus(int(found[1]), int(found[2]), found[0].lstrip("-_"))
    if found := _OLD_NAME.search(stem):
        samples, count = sorted(map(int, found.groups()), key=lambda number: number != samples_per_gpu)
        if samples_per_gpu not in (samples, count):
            samples, count = int(found[1]), int(found[2])
        return Gpus(count, samples, found[0].lstrip("-_"))
    if file.deprecation is not None and len(file.bases) == 1:
        return gpus_of(file.bases[0], samples_per_gpu)
    return None


def global_batch(file: ConfigFile, samples_per_gpu: int, to: Translation) -> tuple[int, int]:
    """(images of a batch, GPUs that it is meant for)."""
    import jax  # the devices may be several processes'

    devices, gpus = jax.device_count(), gpus_of(file, samples_per_gpu)
    at_hand = f"{devices} {'device is' if devices == 1 else 'devices are'} at hand"
    count = devices if gpus is None else gpus.number
    batch = samples_per_gpu * count
    if gpus is None:
        said = f"x {count}: the file's name has no number of GPUs, and {at_hand}"
    elif devices == count:
        said = f"x {count} GPUs of {gpus.name!r} in the name, and {at_hand}"
    else:
        sees = f"{batch / devices:g} images at a time"
        said = f"x {count} GPUs of {gpus.name!r} in the name; {at_hand}, so that BatchNorm sees {sees}"
    to.said.append(
        f"data.batch_size={batch}: samples_per_gpu={samples_per_gpu} {said}; --config.data.batch_size=N sets it"
    )
    if gpus is not None and gpus.samples != samples_per_gpu:
        to.warnings.append(f"samples_per_gpu is {samples_per_gpu}, but the file's name says {gpus.samples}")
    return batch, count
