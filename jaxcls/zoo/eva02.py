"""EVA-02 (Fang et al. 2023, arXiv:2303.11331)."""

from typing import Any

from jaxcls.zoo.entry import TRUNCATED_NORMAL, Entry, Published, bicubic, label_smoothing, linear_head, mmpretrain

# CLIP's
_PIXELS: dict[str, Any] = dict(
    mean=tuple(255 * mean for mean in (0.48145466, 0.4578275, 0.40821073)),
    std=tuple(255 * std for std in (0.26862954, 0.26130258, 0.27577711)),
)
_WIDTHS = {"tiny": 192, "small": 384, "base": 768, "large": 1024}


def _row(arch: str, weights: str, size: int, top1: float, top5: float, version: str) -> Published:
    of = f"3rdparty_in1k-{size}px"
    file = f"mmpretrain/v1.0/eva02/eva02-{arch}-p14_{weights}_{of}_20230505-{version}.pth"
    joint = "_" if weights.startswith("m38m") else "-"
    return mmpretrain(f"vit-{arch}-p14_eva02{joint}{weights}_{of}", top1, top5, file)


def _entry(arch: str, size: int, *rows: Published) -> Entry:
    backbone = dict(type="ViTEVA02", arch=arch[0], img_size=size, patch_size=14, final_norm=False)
    backbone |= dict(out_type="avg_featmap", sub_ln=arch in ("base", "large"))
    return Entry(
        f"eva02_{arch}_p14" + ("" if rows else "_headless"),
        backbone,
        linear_head(_WIDTHS[arch], loss=label_smoothing()),
        neck=None,
        preprocessing=bicubic(size, size, **_PIXELS),
        aliases=(f"eva02-{arch}-p14_" + ("in1k" if rows else "headless"),),
        published=rows,
        arguments=dict(init_cfg=TRUNCATED_NORMAL),
    )


ENTRIES = (
    _entry("tiny", 336, _row("tiny", "in21k-pre", 336, 80.69, 95.54, "a4e8708a")),
    _entry("tiny", 224),
    _entry("small", 336, _row("small", "in21k-pre", 336, 85.78, 97.60, "9c5b0e85")),
    _entry("small", 224),
    _entry(
        "base",
        448,
        _row("base", "in21k-pre_in21k-medft", 448, 88.47, 98.62, "5cd4d87f"),
        _row("base", "in21k-pre", 448, 88.29, 98.53, "8ad211c5"),
    ),
    _entry("base", 224),
    _entry(
        "large",
        448,
        _row("large", "m38m-pre_in21k-medft", 448, 89.83, 99.00, "150dc5ed"),
        _row("large", "in21k-pre_in21k-medft", 448, 89.65, 98.95, "926d1599"),
    ),
    _entry("large", 224),
)
