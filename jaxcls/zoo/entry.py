"""What the zoo holds of a model: data, no code of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_CLASSES = Path(__file__).parent / "classes"
_OPENMMLAB = "https://download.openmmlab.com/"


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes what a model was trained to see.

    Attributes:
        size: side of the square that the model sees, in pixels.
        resize: the picture's shorter side before the centre is cut out, or (height, width); None: the whole picture
            becomes the square.
        mean: of each channel, 0..255.
        std: of each channel.
        interpolation: `Resize`'s.
        backend: `Resize`'s.
        efficientnet_style: the centre is cut out first, with a margin of 32 pixels, and resized then.
        bgr: the model sees blue first, and `mean` and `std` begin with blue.
    """

    size: int = 224
    resize: int | tuple[int, int] | None = 256
    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    std: tuple[float, ...] = (58.395, 57.12, 57.375)
    interpolation: str = "bilinear"
    backend: str = "cv2"
    efficientnet_style: bool = False
    bgr: bool = False

    @property
    def resampling(self) -> dict[str, str]:
        """The arguments of `Resize` and `RandomResizedCrop` that are not their defaults."""
        given = {"interpolation": self.interpolation, "backend": self.backend}
        return {key: value for key, value in given.items() if value not in ("bilinear", "cv2")}

    @property
    def normalize(self) -> dict[str, Any]:
        """The last transform."""
        return dict(type="Normalize", mean=self.mean, std=self.std) | ({"bgr": True} if self.bgr else {})

    def at(self, size: int) -> Preprocessing:
        """The same for another size, with the same share of the picture around the centre."""

        def scaled(side: int) -> int:
            return round(side * size / self.size)

        resize = self.resize
        if isinstance(resize, tuple):
            resize = scaled(resize[0]), scaled(resize[1])
        elif resize is not None:
            resize = scaled(resize)
        return dataclasses.replace(self, size=size, resize=resize)

    def pipeline(self) -> list[dict[str, Any]]:
        """The transforms of an evaluation, after the picture is loaded."""
        if self.efficientnet_style:
            crop = dict(type="CenterCrop", crop_size=self.size, efficientnet_style=True, **self.resampling)
            return [crop, self.normalize]
        if self.resize is None:
            return [dict(type="Resize", size=self.size, **self.resampling), self.normalize]
        target = (self.resize, -1) if isinstance(self.resize, int) else self.resize
        resize = dict(type="Resize", size=target, **self.resampling)
        return [resize, dict(type="CenterCrop", crop_size=self.size), self.normalize]


def bicubic(size: int = 224, resize: int | None = 256, **others: Any) -> Preprocessing:
    """By Pillow's bicubic interpolation, as timm does it."""
    return Preprocessing(size, resize, interpolation="bicubic", backend="pillow", **others)


IMAGENET = Preprocessing()
PILLOW = Preprocessing(backend="pillow")
BICUBIC = bicubic()
HALF: dict[str, Any] = dict(mean=(127.5,) * 3, std=(127.5,) * 3)  # pixels from -1 to 1
# initial values of most transformers
TRUNCATED_NORMAL = (
    dict(type="TruncNormal", layer="Linear", std=0.02, bias=0.0),
    dict(type="Constant", layer="LayerNorm", val=1.0, bias=0.0),
)
# and of those with convolutions
TRUNCATED_NORMAL_OF_BOTH = (
    dict(type="TruncNormal", layer=("Conv2d", "Linear"), std=0.02, bias=0.0),
    TRUNCATED_NORMAL[1],
)


@dataclasses.dataclass(frozen=True)
class Published:
    """What others published for a model. Nothing of it is measured here.

    Attributes:
        name: theirs.
        top1: in percent; None where they give none.
        top5: in percent.
        url: the weights' file, in the original's format; None where there is none.
        preprocessing: where it is not the model's.
        config: the original's config, where that is not one of the model's aliases.
        source: who.
    """

    name: str
    top1: float | None = None
    top5: float | None = None
    url: str | None = None
    preprocessing: Preprocessing | None = None
    config: str = ""
    source: str = "MMClassification 0.25"


def mmcls(name: str, top1: float | None, top5: float | None, file: str, *others: Any) -> Published:
    """A row of MMClassification's model zoo; `file` as its download site has it, `{}` standing for the name."""
    return Published(name, top1, top5, f"{_OPENMMLAB}mmclassification/v0/{file.format(name)}", *others)


def mmpretrain(name: str, top1: float | None, top5: float | None, file: str, **others: Any) -> Published:
    """A row of MMPretrain's model zoo; `file` as for `mmcls`, with what stands before it on the download site."""
    return Published(name, top1, top5, _OPENMMLAB + file.format(name), **others, source="MMPretrain 1.2")


def linear_head(in_channels: int, num_classes: int = 1000, **arguments: Any) -> dict[str, Any]:
    """A `LinearClsHead` with cross-entropy, or the loss given."""
    loss = dict(type="CrossEntropyLoss", loss_weight=1.0)
    return dict(type="LinearClsHead", num_classes=num_classes, in_channels=in_channels) | {"loss": loss} | arguments


def pooling(dim: int = 2) -> dict[str, Any]:
    """The mean over a map, or over tokens (`dim=1`)."""
    return dict(type="GlobalAveragePooling") | (dict(dim=dim) if dim != 2 else {})


def classes_of_backbone() -> dict[str, Any]:
    """A `ClsHead`, for a backbone that gives logits."""
    return dict(type="ClsHead", loss=dict(type="CrossEntropyLoss", loss_weight=1.0))


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
        neck: its config, several of them, or None.
        preprocessing: of the published weights.
        classes: what the published weights tell apart: a file in `classes/`; "": nothing that has names here.
        aliases: the original's configs whose model this is.
        published: results and weights, the preferred ones first.
        arguments: more of the classifier's, such as `init_cfg`.
    """

    name: str
    backbone: Mapping[str, Any]
    head: Mapping[str, Any]
    neck: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = dataclasses.field(default_factory=pooling)
    preprocessing: Preprocessing = IMAGENET
    classes: str = "imagenet"
    aliases: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All names that stand for it, its own first, each once."""
        rows = [name for row in self.published for name in (row.name, row.config) if name]
        return tuple(dict.fromkeys((self.name, *self.aliases, *rows)))

    @property
    def necks(self) -> Sequence[Mapping[str, Any]]:
        """The neck's parts, none where there is none."""
        return () if self.neck is None else (self.neck,) if isinstance(self.neck, Mapping) else self.neck

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes' names, or their numbers where there are none."""
        if not self.classes:
            return tuple(map(str, range(self.num_classes)))
        return tuple((_CLASSES / f"{self.classes}.txt").read_text(encoding="utf-8").splitlines())

    @property
    def num_classes(self) -> int:
        """How many classes the published weights tell apart."""
        return self.head.get("num_classes") or self.backbone["num_classes"]
