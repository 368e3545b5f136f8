"""EfficientNetV2 (Tan & Le 2021, arXiv:2104.00298)."""

from typing import Any

from jaxcls.zoo.entry import HALF, Entry, Preprocessing, Published, linear_head, mmpretrain


def _row(name: str, top1: float | None, top5: float | None, version: str, file: str = "{}") -> Published:
    return mmpretrain(f"efficientnetv2-{name}", top1, top5, f"mmclassification/v0/efficientnetv2/{file}_{version}.pth")


def _pretrained(arch: str, top1: float, top5: float, version: str) -> Published:
    file = f"efficientnetv2-{arch}_in21k-pre-3rdparty_in1k"
    return _row(f"{arch}_in21k-pre_3rdparty_in1k", top1, top5, version, file)


def _entry(arch: str, channels: int, size: int, config: str, *rows: Published, num_classes: int = 1000) -> Entry:
    pixels: dict[str, Any] = {} if arch.startswith("b") else HALF
    of_21k = num_classes != 1000
    return Entry(
        f"efficientnetv2_{arch}_in21k" if of_21k else f"efficientnetv2_{arch}",
        dict(type="EfficientNetV2", arch=arch),
        linear_head(channels, num_classes),
        # the whole picture: its centre square, without a margin
        preprocessing=Preprocessing(size, size, interpolation="bicubic", **pixels),
        classes="" if of_21k else "imagenet",
        aliases=(f"efficientnetv2-{arch}_8xb32_{config}",),
        published=rows,
    )


def _of_21k(arch: str, version: str) -> Entry:
    row = _row(f"{arch}_3rdparty_in21k", None, None, version)
    return _entry(arch, 1280, 224, "in21k", row, num_classes=21843)


ENTRIES = (
    _entry("b0", 1280, 224, "in1k", _row("b0_3rdparty_in1k", 78.52, 94.44, "20221221-9ef6e736")),
    _entry("b1", 1280, 240, "in1k", _row("b1_3rdparty_in1k", 79.80, 94.89, "20221221-6955d9ce")),
    _entry("b2", 1408, 260, "in1k", _row("b2_3rdparty_in1k", 80.63, 95.30, "20221221-74f7d493")),
    _entry("b3", 1536, 300, "in1k", _row("b3_3rdparty_in1k", 82.03, 95.88, "20221221-b6f07a36")),
    _entry(
        "s",
        1280,
        384,
        "in1k-384px",
        _pretrained("s", 84.29, 97.26, "20221220-7a7c8475"),
        _row("s_3rdparty_in1k", 83.82, 96.67, "20221220-f0eaff9d"),
    ),
    _entry(
        "m",
        1280,
        480,
        "in1k-480px",
        _pretrained("m", 85.47, 97.76, "20221220-a1013a04"),
        _row("m_3rdparty_in1k", 85.01, 97.26, "20221220-9dc0c729"),
    ),
    _entry(
        "l",
        1280,
        480,
        "in1k-480px",
        _pretrained("l", 86.31, 97.99, "20221220-63df0efd"),
        _row("l_3rdparty_in1k", 85.43, 97.31, "20221220-5c3bac0f"),
    ),
    _entry("xl", 1280, 512, "in1k-512px", _pretrained("xl", 86.39, 97.83, "20221220-583ac18b")),
    _of_21k("s", "20221220-c0572b56"),
    _of_21k("m", "20221220-073e944c"),
    _of_21k("l", "20221220-f28f91e1"),
    _of_21k("xl", "20221220-b2c9329c"),
)
