"""What a model says of images, one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxcls.data.transforms.base import check_choice
from jaxcls.data.views import build_views
from jaxcls.inference.images import listed
from jaxcls.inference.model import Model
from jaxcls.inference.preprocess import Given
from jaxcls.ranks import best_class

_CHUNK = 16  # batches of an iterator's images at a time


def inference_model(
    model: Model,
    images: Given | Iterable[Given],
    batch_size: int | None = None,
    tta: bool | Mapping[str, Any] = False,
) -> list[dict[str, Any]]:
    """What a model says of images.

    The loop is that of evaluation. With the same batch size on as many devices the scores are the same, bit for bit;
    another size may change the last bit, since XLA then adds up in another order.

    Args:
        model: what `init_model` gives.
        images: one, or several, of any kinds: paths, folders (the images in and below them, by their paths), patterns
            with `*`, uint8 (H, W, 3) in RGB order or (H, W), a file's content as bytes, Pillow's; or an iterator.
        batch_size: how many at a time; None: the model's, or 1 or 8 for so few images. The last batch is filled up, so
            that one size is compiled.
        tta: test-time augmentation, as the model's run says or as a config `data.tta`.

    Returns:
        for each image, in the order given: `pred_label` (int), `pred_class` (its name), `pred_score` (0 to 1) and
        `class_scores` (K,) float32. Scores that are not finite have the label -1 and no class.

    Raises:
        UserError: an image that cannot be read, by its name.
    """
    return list(predictions(model, images, batch_size, tta))


def predictions(
    model: Model,
    images: Given | Iterable[Given],
    batch_size: int | None = None,
    tta: bool | Mapping[str, Any] = False,
    on_error: str = "raise",
) -> Iterator[dict[str, Any]]:
    """As `inference_model`, one result after the other: memory does not grow with the number of images.

    Args:
        model: what `init_model` gives.
        images: as `inference_model` takes them.
        batch_size: as there.
        tta: as there.
        on_error: `raise`, or `note`: the result of an image that cannot be read is `{"error": message}`.
    """
    check_choice("on_error", on_error, ("raise", "note"))
    views = model.views if tta is True else build_views(tta) if tta else None
    for some in _chunks(images, _CHUNK * (batch_size or model.batch_size)):
        errors: dict[int, str] | None = {} if on_error == "note" else None
        evaluator, index = model.evaluator(some, batch_size, views, errors), 0
        with evaluator.loader:
            for batch in evaluator.predictions(model.variables):
                for result in _results(batch.scores, model.classes):
                    yield {"error": errors[index]} if errors and index in errors else result
                    index += 1


def _chunks(images: Given | Iterable[Given], size: int) -> Iterator[list[Given]]:
    """All images at once, or those of an iterator in lists."""
    if not isinstance(images, Iterator):
        yield listed(images)
        return
    while some := list(itertools.islice(images, size)):
        yield listed(some)


def _results(scores: np.ndarray, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    for row, label, score in zip(scores, best_class(scores).tolist(), scores.max(axis=1).tolist(), strict=True):
        yield {
            "pred_label": label,
            "pred_score": score,
            "pred_class": classes[label] if label >= 0 else "",
            "class_scores": row,
        }
