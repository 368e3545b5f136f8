"""A pipeline of the original -> ours, where images are RGB throughout.

The original's images are BGR once they are read from files, and so are the colours that its transforms are given, up to
the first transform that exchanges red and blue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcls.data.transforms.policies import AUTO_AUGMENT, RAND_AUGMENT
from jaxcls.mmcls.translation import Translation

COLOURS = ("pad_val", "fill_color", "fill_std", "eigvec")  # one number, or one row, a channel
NOTHING_TO_DO = ("ImageToTensor", "ToTensor", "Collect", "WrapFieldsToLists")  # batches are arrays, channels last
RGB_ARRAYS = ("CIFAR10", "CIFAR100")
# operations that weigh red otherwise than blue
_WEIGHING = ("RandomGrayscale", "ColorJitter", "ColorTransform", "Contrast", "RandAugment", "AutoAugment")
_PUBLISHED = {**RAND_AUGMENT, **AUTO_AUGMENT}


def translate_pipeline(pipeline: Any, source: str, where: str, to: Translation) -> Any:
    """The transforms, with colours in RGB order, without those that have nothing to do here.

    Args:
        pipeline: the original's.
        source: the dataset's type.
        where: its place, for messages.
        to: gets what there is to say.
    """
    if not isinstance(pipeline, list | tuple) or not all(isinstance(step, Mapping) for step in pipeline):
        return pipeline  # for the checker
    steps = _flat(pipeline)
    bgr = any(step.get("type") == "LoadImageFromFile" for step in steps)
    if source in RGB_ARRAYS and (names := [step["type"] for step in steps if step.get("type") in _WEIGHING]):
        to.warnings.append(
            f"{where}: {', '.join(names)} weigh red and blue as for images from files; "
            f"the original takes {source}'s RGB for BGR"
        )
    translated = []
    for step in steps:
        kind = step.get("type")
        if kind == "Lighting" and step.get("to_rgb", True):
            bgr = not bgr  # before it adds its colour
        if kind == "ToHalf":
            to.ignored.append(f"{where}: ToHalf (precision says what the network computes in)")
        elif kind not in NOTHING_TO_DO:
            step = {key: _translate(key, value, bgr) for key, value in step.items()}
            translated.append(_fitted(step, source, bgr, where, to))
    return translated


def _flat(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The transforms, with those of a `Compose` in its place."""
    return [
        inner
        for step in steps
        for inner in (_flat(step.get("transforms", ())) if step.get("type") == "Compose" else [step])
    ]


def _translate(key: str, value: Any, bgr: bool) -> Any:
    """An argument's value, colours in it turned round from BGR; a published set of operations by its name."""
    if key in COLOURS and isinstance(value, list | tuple):
        return value[::-1] if bgr else value
    if isinstance(value, Mapping):
        return {inner: _translate(inner, entry, bgr) for inner, entry in value.items()}
    if isinstance(value, list | tuple):
        value = type(value)(_translate("", entry, bgr) for entry in value)
    if key == "policies":
        written_out = _written_out(value)
        return next((name for name, known in _PUBLISHED.items() if _written_out(known) == written_out), value)
    return value


def _written_out(policies: Any) -> Any:
    """Operations with their default probability, without the name of the argument that grows with the magnitude."""
    if isinstance(policies, Mapping):
        return {"prob": 0.5} | {
            key: _written_out(value) for key, value in policies.items() if key != "magnitude_key" and value is not None
        }
    return [_written_out(entry) for entry in policies] if isinstance(policies, list | tuple) else policies


def _fitted(step: dict[str, Any], source: str, bgr: bool, where: str, to: Translation) -> dict[str, Any]:
    """What single transforms need."""
    if step.get("type") == "LoadImageFromFile" and "file_client_args" in step:
        backend = (step.pop("file_client_args") or {}).get("backend", "disk")
        if backend != "disk":
            to.warnings.append(f"{where}: images are read from the disk, not by backend={backend!r}")
    value = step.get("pad_val")
    is_padded = step.get("type") in ("RandomCrop", "Pad") and isinstance(value, int | float) and value
    if is_padded and source in RGB_ARRAYS and not bgr:
        step["pad_val"] = (value, 0, 0)  # OpenCV fills the first channel alone
    return step
