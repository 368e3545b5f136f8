"""What the zoo holds of a model: data, no code of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

_OPENMMLAB = "https://download.openmmlab.com/mmclassification/v0/"


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes what a model was trained to see.

    Attributes:
        size: side of the square that the model sees, in pixels.
        shorter_side: the picture is resized until its shorter side has so many pixels, then the centre is cut out.
            None: the whole picture is resized to the square.
        mean: of each channel, RGB, 0..255.
        std: of each channel.
        interpolation: `Resize`'s.
        backend: `Resize`'s.
        efficientnet_style: the centre is cut out first, with a margin of 32 pixels, and resized then.
    """

    size: int = 224
    shorter_side: int | None = 256
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    std: tuple[float, ...] = (58.395, 57.12, 57.375)
    interpolation: str = "bilinear"
    backend: str = "cv2"
    efficientnet_style: bool = False

    @property
    def resize(self) -> dict[str, str]:
        """The arguments of `Resize` and `RandomResizedCrop` that are not their defaults."""
        given = {"interpolation": self.interpolation, "backend": self.backend}
        return {key: value for key, value in given.items() if value not in ("bilinear", "cv2")}

    @property
    def normalize(self) -> dict[str, Any]:
        """The last transform."""
        return dict(type="Normalize", mean=self.mean, std=self.std)

    def at(self, size: int) -> Preprocessing:
        """The same for another size, with the same share of the picture around the centre."""
        side = self.shorter_side and round(self.shorter_side * size / self.size)
        return dataclasses.replace(self, size=size, shorter_side=side)

    def pipeline(self) -> list[dict[str, Any]]:
        """The transforms of an evaluation, after the picture is loaded."""
        if self.efficientnet_style:
            crop = dict(type="CenterCrop", crop_size=self.size, efficientnet_style=True, **self.resize)
            return [crop, self.normalize]
        if self.shorter_side is None:
            return [dict(type="Resize", size=self.size, **self.resize), self.normalize]
        resize = dict(type="Resize", size=(self.shorter_side, -1), **self.resize)
        return [resize, dict(type="CenterCrop", crop_size=self.size), self.normalize]


IMAGENET = Preprocessing()
PILLOW = Preprocessing(backend="pillow")
BICUBIC = Preprocessing(interpolation="bicubic", backend="pillow")


@dataclasses.dataclass(frozen=True)
class Published:
    """What others published for a model. Nothing of it is measured here.

    Attributes:
        name: theirs.
        top1: in percent; None where they give none.
        top5: in percent.
        url: the weights' file, in the original's format; None where there is none.
        preprocessing: where it is not the model's.
        source: who.
    """

    name: str
    top1: float | None = None
    top5: float | None = None
    url: str | None = None
    preprocessing: Preprocessing | None = None
    source: str = "MMClassification 0.25"


def mmcls(
    name: str, top1: float | None, top5: float | None, file: str, preprocessing: Preprocessing | None = None
) -> Published:
    """A row of MMClassification's model zoo; `file` as its download site has it."""
    return Published(name, top1, top5, _OPENMMLAB + file, preprocessing)


def linear_head(in_channels: int, num_classes: int = 1000, **arguments: Any) -> dict[str, Any]:
    """A `LinearClsHead` with cross-entropy, or the loss given."""
    loss = dict(type="CrossEntropyLoss", loss_weight=1.0)
    return dict(type="LinearClsHead", num_classes=num_classes, in_channels=in_channels) | {"loss": loss} | arguments


def label_smoothing(mode: str = "original") -> dict[str, Any]:
    """The loss of most recipes of transformers."""
    return dict(type="LabelSmoothLoss", label_smooth_val=0.1, mode=mode)


@dataclasses.dataclass(frozen=True, eq=False)
class Entry:
    """A model with a name.

    Attributes:
        name: as its users know it.
        backbone: its config.
        head: its config.
        neck: its config, or None.
        preprocessing: of the published weights.
        aliases: the original's configs whose model this is.
        published: results and weights, the preferred ones first.
        arguments: more of the classifier's, such as `init_cfg`.
    """

    name: str
    backbone: Mapping[str, Any]
    head: Mapping[str, Any]
    neck: Mapping[str, Any] | None = dataclasses.field(default_factory=lambda: dict(type="GlobalAveragePooling"))
    preprocessing: Preprocessing = IMAGENET
    aliases: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All names that stand for it, its own first, each once."""
        return tuple(dict.fromkeys((self.name, *self.aliases, *(row.name for row in self.published))))

    @property
    def num_classes(self) -> int:
        """How many classes the published weights tell apart."""
        return self.head.get("num_classes") or self.backbone["num_classes"]
