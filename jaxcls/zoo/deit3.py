"""DeiT III (Touvron et al. 2022, arXiv:2204.07118)."""

from jaxcls.zoo.entry import TRUNCATED_NORMAL, Entry, Published, bicubic, label_smoothing, mmpretrain

_WIDTHS = {"small": 384, "medium": 512, "base": 768, "large": 1024, "huge": 1280}


def _row(name: str, top1: float, top5: float, version: str) -> Published:
    return mmpretrain(f"deit3-{name}", top1, top5, f"mmclassification/v0/deit3/{{}}_202210{version}.pth")


def _entry(arch: str, patch_size: int, size: int, drop_path_rate: float, recipe: str, *rows: Published) -> Entry:
    suffix, config_suffix = (f"_{size}", f"-{size}px") if size != 224 else ("", "")
    backbone = dict(type="DeiT3", arch=arch[0], img_size=size, patch_size=patch_size, drop_path_rate=drop_path_rate)
    return Entry(
        f"deit3_{arch}_p{patch_size}{suffix}",
        backbone,
        dict(type="VisionTransformerClsHead", num_classes=1000, in_channels=_WIDTHS[arch], loss=label_smoothing()),
        neck=None,
        preprocessing=bicubic(size, size),
        aliases=(f"deit3-{arch}-p{patch_size}_{recipe}_in1k{config_suffix}",),
        published=rows,
        arguments=dict(init_cfg=TRUNCATED_NORMAL),
    )


ENTRIES = (
    _entry(
        "small",
        16,
        224,
        0.05,
        "64xb64",
        _row("small-p16_in21k-pre_3rdparty_in1k", 83.06, 96.77, "09-dcd90827"),
        _row("small-p16_3rdparty_in1k", 81.35, 95.31, "08-0f7c70cf"),
    ),
    _entry(
        "small",
        16,
        384,
        0.0,
        "64xb64",
        _row("small-p16_in21k-pre_3rdparty_in1k-384px", 84.84, 97.48, "09-de116dd7"),
        _row("small-p16_3rdparty_in1k-384px", 83.43, 96.68, "08-a2c1a0c7"),
    ),
    _entry(
        "medium",
        16,
        224,
        0.2,
        "64xb64",
        _row("medium-p16_in21k-pre_3rdparty_in1k", 84.56, 97.19, "09-472f11e2"),
        _row("medium-p16_3rdparty_in1k", 82.99, 96.22, "08-3b21284d"),
    ),
    _entry(
        "base",
        16,
        224,
        0.2,
        "64xb64",
        _row("base-p16_in21k-pre_3rdparty_in1k", 85.70, 97.75, "09-87983ca1"),
        _row("base-p16_3rdparty_in1k", 83.80, 96.55, "08-60b8c8bf"),
    ),
    _entry(
        "base",
        16,
        384,
        0.15,
        "64xb32",
        _row("base-p16_in21k-pre_3rdparty_in1k-384px", 86.73, 98.11, "09-5e4e37b9"),
        _row("base-p16_3rdparty_in1k-384px", 85.08, 97.25, "09-e19e36d4"),
    ),
    _entry(
        "large",
        16,
        224,
        0.45,
        "64xb64",
        _row("large-p16_in21k-pre_3rdparty_in1k", 86.97, 98.24, "09-d8d27084"),
        _row("large-p16_3rdparty_in1k", 84.87, 97.01, "09-03b427ea"),
    ),
    _entry(
        "large",
        16,
        384,
        0.4,
        "64xb16",
        _row("large-p16_in21k-pre_3rdparty_in1k-384px", 87.73, 98.51, "09-75fea03f"),
        _row("large-p16_3rdparty_in1k-384px", 85.82, 97.60, "09-4317ce62"),
    ),
    _entry(
        "huge",
        14,
        224,
        0.55,
        "64xb32",
        _row("huge-p14_in21k-pre_3rdparty_in1k", 87.19, 98.26, "09-19b8a535"),
        _row("huge-p14_3rdparty_in1k", 85.21, 97.36, "09-e107bcb7"),
    ),
)
