"""Class activation maps of images as users have them, as large as what the network sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxcls.inference import Model
from jaxcls.inspect import cam
from jaxcls.inspect.stages import Target

# Mirrored or not, and by what the normalised image is multiplied: pytorch-grad-cam 1.5.7, `aug_smooth`.
_AS_IT_IS = ((False, 1.0),)
_AUGMENTED = tuple((mirrored, factor) for mirrored in (False, True) for factor in (0.9, 1.0, 1.1))


class Heat(NamedTuple):
    """Of one image and k classes.

    Attributes:
        pixels: the image as the network sees it, before it is normalised, uint8 (H, W, C).
        logits: (K,).
        classes: the k classes' indices.
        maps: method -> (k, H, W), 0 to 1.
    """

    pixels: np.ndarray
    logits: np.ndarray
    classes: tuple[int, ...]
    maps: dict[str, np.ndarray]


class HeatMaps:
    """Called with an image, gives its maps; those of several layers are averaged.

    Args:
        model: what `init_model` gives.
        targets: the layers.
        eigen_smooth: see `cam.maps`.
        aug_smooth: the mean of six maps, of the image and its mirror image, both also darker and lighter by a tenth.
    """

    def __init__(
        self, model: Model, targets: Sequence[Target], eigen_smooth: bool = False, aug_smooth: bool = False
    ) -> None:
        self.model, self.eigen_smooth = model, eigen_smooth
        self._views = _AUGMENTED if aug_smooth else _AS_IT_IS
        self._passes = [cam.ClassActivations(model.classifier, target) for target in targets]

    def __call__(self, image: Any, methods: Sequence[str] = ("GradCAM",), classes: Sequence[int] | None = None) -> Heat:
        """The maps of an image.

        Args:
            image: a path, or what else `Preprocess` takes.
            methods: of `cam.METHODS`.
            classes: indices; None: the predicted one.

        Raises:
            UserError: the image cannot be read.
        """
        model = self.model
        seen, pixels = model.preprocess(image)[None], _pixels(model, image)
        logits = np.asarray(self._passes[0](model.variables, seen, [0] if classes is None else classes)[2][0])
        chosen = (int(logits.argmax()),) if classes is None else tuple(classes)
        each = [self._view(seen, chosen, methods, pixels.shape[:2], *view) for view in self._views]
        maps = {method: np.mean([one[method] for one in each], axis=0) for method in methods}
        return Heat(pixels, logits, chosen, maps)

    def _view(
        self,
        seen: Any,
        classes: Sequence[int],
        methods: Sequence[str],
        size: Sequence[int],
        mirrored: bool,
        factor: float,
    ) -> dict[str, np.ndarray]:
        """The maps of one form of the image, where its places are in the image itself."""
        seen = (seen[:, :, ::-1] if mirrored else seen) * factor
        found = [one(self.model.variables, seen, classes)[:2] for one in self._passes]
        maps = {method: self._maps(found, method, size) for method in methods}
        return {method: one[..., ::-1] for method, one in maps.items()} if mirrored else maps

    def _maps(self, found: Sequence[tuple[Any, list[Any]]], method: str, size: Sequence[int]) -> np.ndarray:
        """Of each class, from the layers' outputs and gradients."""
        each = []
        for i in range(len(found[0][1])):
            layers = [cam.scaled(cam.maps(outputs, grads[i], method, self.eigen_smooth))[0] for outputs, grads in found]
            each.append(cam.scaled(cam.averaged(layers, size)[None])[0])
        return np.stack(each)


def _pixels(model: Model, image: Any) -> np.ndarray:
    return np.clip(model.preprocess.on_host({"image": image})["image"], 0, 255).astype(np.uint8)
