"""Published sets of operations."""

from __future__ import annotations

from typing import Any


def _op(name: str, prob: float = 0.5, **arguments: Any) -> dict[str, Any]:
    return {"type": name, "prob": prob, **arguments}


def _ranged(name: str, low: float, high: float, **arguments: Any) -> dict[str, Any]:
    return _op(name, magnitude_range=(low, high), **arguments)


# The 25 policies found on ImageNet (Cubuk et al., https://arxiv.org/abs/1805.09501, table 9), with MMClassification's
# magnitudes (configs/_base_/datasets/pipelines/auto_aug.py).
AUTO_AUGMENT = {
    "imagenet": (
        (_op("Posterize", 0.4, bits=4), _op("Rotate", 0.6, angle=30)),
        (_op("Solarize", 0.6, thr=256 / 9 * 4), _op("AutoContrast", 0.6)),
        (_op("Equalize", 0.8), _op("Equalize", 0.6)),
        (_op("Posterize", 0.6, bits=5), _op("Posterize", 0.6, bits=5)),
        (_op("Equalize", 0.4), _op("Solarize", 0.2, thr=256 / 9 * 5)),
        (_op("Equalize", 0.4), _op("Rotate", 0.8, angle=30 / 9 * 8)),
        (_op("Solarize", 0.6, thr=256 / 9 * 6), _op("Equalize", 0.6)),
        (_op("Posterize", 0.8, bits=6), _op("Equalize", 1.0)),
        (_op("Rotate", 0.2, angle=10), _op("Solarize", 0.6, thr=256 / 9)),
        (_op("Equalize", 0.6), _op("Posterize", 0.4, bits=5)),
        (_op("Rotate", 0.8, angle=30 / 9 * 8), _op("ColorTransform", 0.4, magnitude=0)),
        (_op("Rotate", 0.4, angle=30), _op("Equalize", 0.6)),
        (_op("Equalize", 0.0), _op("Equalize", 0.8)),
        (_op("Invert", 0.6), _op("Equalize", 1.0)),
        (_op("ColorTransform", 0.6, magnitude=0.4), _op("Contrast", 1.0, magnitude=0.8)),
        (_op("Rotate", 0.8, angle=30 / 9 * 8), _op("ColorTransform", 1.0, magnitude=0.2)),
        (_op("ColorTransform", 0.8, magnitude=0.8), _op("Solarize", 0.8, thr=256 / 9 * 2)),
        (_op("Sharpness", 0.4, magnitude=0.7), _op("Invert", 0.6)),
        (_op("Shear", 0.6, magnitude=0.3 / 9 * 5), _op("Equalize", 1.0)),
        (_op("ColorTransform", 0.4, magnitude=0), _op("Equalize", 0.6)),
        (_op("Equalize", 0.4), _op("Solarize", 0.2, thr=256 / 9 * 5)),
        (_op("Solarize", 0.6, thr=256 / 9 * 4), _op("AutoContrast", 0.6)),
        (_op("Invert", 0.6), _op("Equalize", 1.0)),
        (_op("ColorTransform", 0.6, magnitude=0.4), _op("Contrast", 1.0, magnitude=0.8)),
        (_op("Equalize", 0.8), _op("Equalize", 0.6)),
    ),
}

# `_RAND_INCREASING_TRANSFORMS` of huggingface/pytorch-image-models, timm/data/auto_augment.py: all grow stronger with
# the level; MMClassification's configs call them `rand_increasing_policies`.
RAND_AUGMENT = {
    "timm_increasing": (
        _op("AutoContrast"),
        _op("Equalize"),
        _op("Invert"),
        _ranged("Rotate", 0, 30),
        _ranged("Posterize", 4, 0),
        _ranged("Solarize", 256, 0),
        _ranged("SolarizeAdd", 0, 110),
        _ranged("ColorTransform", 0, 0.9),
        _ranged("Contrast", 0, 0.9),
        _ranged("Brightness", 0, 0.9),
        _ranged("Sharpness", 0, 0.9),
        _ranged("Shear", 0, 0.3, direction="horizontal"),
        _ranged("Shear", 0, 0.3, direction="vertical"),
        _ranged("Translate", 0, 0.45, direction="horizontal"),
        _ranged("Translate", 0, 0.45, direction="vertical"),
    ),
}
