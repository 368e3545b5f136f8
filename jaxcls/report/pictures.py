"""Which pictures a page shows, and these as data URIs."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from jaxcls.data.loader import READING_THREADS
from jaxcls.report.evaluated import Evaluated
from jaxcls.visualization.ranked import described, listed, pixels

_SIDE = 160  # pixels of a picture's longer side, at most
_SHARP = 64  # pictures up to this side are kept as they are, and shown with their pixels as squares
_EACH = 8  # pictures of a cell of the confusion matrix, at most


def sheets(found: Evaluated, count: int) -> dict[str, list[int]]:
    """`worst`: the surest mistakes, `best`: the surest right ones, the surest first: indices, `count` at most."""
    confidence = np.nan_to_num(found.verdicts.confidence, nan=2.0)  # scores that are not finite are the worst
    order = np.argsort(-confidence, kind="stable")
    right = found.verdicts.right[order]
    return {"worst": order[~right][:count].tolist(), "best": order[right][:count].tolist()}


def cells(found: Evaluated, limit: int) -> dict[str, list[int]]:
    """`<truth>-<taken>` -> some of the images of that cell of the confusion matrix, `limit` in all.

    Mistakes come before what is right, and each cell's first picture before any other's second. In a cell the surest
    mistakes are first, or the least sure of the right ones.
    """
    if found.matrix is None:
        return {}
    indices = np.flatnonzero(found.taken >= 0)
    right, confidence = found.verdicts.right[indices], found.verdicts.confidence[indices]
    cell = found.labels[indices].astype(np.int64) * len(found.classes) + found.taken[indices]
    order = np.lexsort((np.where(right, confidence, -confidence), cell))
    starts = np.r_[0, np.flatnonzero(np.diff(cell[order])) + 1]
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)])) if len(order) else order
    kept = order[rank < _EACH]
    kept = kept[np.lexsort((rank[rank < _EACH], right[kept]))][:limit]
    chosen: dict[str, list[int]] = {}
    for place in kept:
        truth, taken = divmod(int(cell[place]), len(found.classes))
        chosen.setdefault(f"{truth}-{taken}", []).append(int(indices[place]))
    return chosen


def entries(found: Evaluated, indices: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Index -> what the page shows of an image: `src`, `sharp`, `name`, `truth`, `predicted`, `right`, `alt`."""
    wanted = sorted(set(indices))
    with ThreadPoolExecutor(READING_THREADS) as threads:
        return dict(zip(wanted, threads.map(lambda index: _entry(found, index), wanted), strict=True))


def _entry(found: Evaluated, index: int) -> dict[str, Any]:
    sample = found.dataset.source[index]
    truth = listed([found.classes[k] for k in found.truth(index)])
    predicted = listed(described(found.best[index], found.classes))
    name = name_of(sample, index)
    return {
        **picture(pixels(sample)),
        "name": name,
        "truth": truth,
        "predicted": predicted,
        "right": bool(found.verdicts.right[index]),
        "alt": f"{name}: truth {truth}, predicted {predicted}",
    }


def name_of(sample: Mapping[str, Any], index: int) -> str:
    """Its file's, without the folders, or its number."""
    return os.path.basename(str(sample["filename"])) if "filename" in sample else f"image {index}"


def picture(image: np.ndarray) -> dict[str, Any]:
    """An image uint8 (H, W, C) as a data URI `src`; `sharp` where its pixels are to be squares."""
    made = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image[..., :3])
    sharp = max(made.size) <= _SHARP
    if not sharp:
        made.thumbnail((_SIDE, _SIDE))
    return {"src": data_uri(made, "png") if sharp else data_uri(made, "jpeg", quality=82), "sharp": sharp}


def data_uri(image: Image.Image, kind: str, **options: Any) -> str:
    """The image within the page, as `png` or `jpeg`."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
