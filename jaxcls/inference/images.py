"""Images that a user gives, as a source of samples."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from jaxcls.data.sources.base import Source
from jaxcls.data.sources.files import EXTENSIONS
from jaxcls.data.sources.walk import Walk
from jaxcls.errors import UserError
from jaxcls.inference.preprocess import Given
from jaxcls.paths import expand

_log = logging.getLogger("jaxcls")


class GivenImages(Source):
    """Images without labels, in the order given.

    Args:
        images: what `listed` gives.
        classes: K names of what they can be.
        multi_label: whether labels are rows of K; all of them are 0.
    """

    def __init__(self, images: Sequence[Given], classes: Sequence[str], multi_label: bool = False) -> None:
        self._images, self.classes = images, tuple(classes)
        self._shape = (len(images), len(self.classes)) if multi_label else (len(images),)

    @property
    def labels(self) -> np.ndarray:
        """Zeros, int32 (n,) or (n, K)."""
        return np.zeros(self._shape, np.int32)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self._images[index]
        path = {"filename": str(expand(image))} if isinstance(image, str | os.PathLike) else {}
        return {"image": image, "label": np.zeros(self._shape[1:], np.int32), "index": index, **path}


def listed(images: Given | Iterable[Given]) -> list[Given]:
    """One image, or several, as a list.

    A folder gives the images in and below it, and a pattern with `*`, `?` or `[` the files that match, by their paths.

    Raises:
        UserError: a folder without images, or one that cannot be read; a pattern that nothing matches.
    """
    if isinstance(images, str | os.PathLike | bytes | Image.Image) or (
        isinstance(images, np.ndarray) and images.ndim < 4
    ):
        images = [images]
    return [one for image in images for path in _matching(image) for one in _in_folder(path)]


def _matching(image: Given) -> Sequence[Given]:
    """The files and folders of a pattern; `**` stands for any folders."""
    if not isinstance(image, str | os.PathLike) or not glob.has_magic(os.fspath(image)) or expand(image).exists():
        return (image,)
    found = sorted(glob.glob(str(expand(image)), recursive=True))
    if not found:
        raise UserError(f"{image}: no file matches")
    return found


def _in_folder(image: Given) -> Sequence[Given]:
    if not isinstance(image, str | os.PathLike) or os.path.isfile(image) or not os.path.isdir(folder := expand(image)):
        return (image,)
    folder = Path(image) if os.path.isdir(image) else folder  # as it is given, where that will do
    walk = Walk(folder, (".",), EXTENSIONS)
    walk.problems.check()
    left_out = str(walk.left_out)
    if not walk.images["."]:
        hint = f" (left out: {left_out})" if left_out else ""
        raise UserError(f"{folder}: no image in this folder; expected files {', '.join(EXTENSIONS)}{hint}")
    if left_out:
        _log.warning("%s: left out: %s", folder, left_out)
    return [Path(folder, name) for name in sorted(walk.images["."])]
