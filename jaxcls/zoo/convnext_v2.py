"""ConvNeXt V2 (Woo et al. 2023, arXiv:2301.00808)."""

from jaxcls.zoo.entry import BICUBIC, Entry, Published, bicubic, linear_head, mmpretrain

# channels of the last stage, drop path rate, label smoothing
_ARCHS = {
    "atto": (320, 0.1, 0.2),
    "femto": (384, 0.1, 0.1),
    "pico": (512, 0.1, 0.1),
    "nano": (640, 0.1, 0.2),
    "tiny": (768, 0.2, 0.2),
    "base": (1024, 0.1, 0.1),
    "large": (1536, 0.1, 0.1),
    "huge": (2816, 0.1, 0.1),
}
_INIT_CFG = dict(type="TruncNormal", layer=["Conv2d", "Linear"], std=0.02, bias=0.0)


def _entry(arch: str, *rows: Published, sizes: tuple[int, ...] = ()) -> Entry:
    channels, drop_path_rate, smoothing = _ARCHS[arch]
    backbone = dict(type="ConvNeXt", arch=arch, drop_path_rate=drop_path_rate)
    backbone |= dict(layer_scale_init_value=0.0, use_grn=True)
    loss = dict(type="LabelSmoothLoss", label_smooth_val=smoothing)
    config = f"convnext-v2-{arch}_32xb32_in1k"
    return Entry(
        f"convnextv2_{arch}",
        backbone,
        linear_head(channels, loss=loss, init_cfg=None),
        neck=None,
        preprocessing=BICUBIC,
        aliases=(config, *(f"{config}-{size}px" for size in sizes)),
        published=rows,
        arguments=dict(init_cfg=_INIT_CFG),
    )


def _row(name: str, top1: float | None, top5: float | None, version: str, size: int | None = None) -> Published:
    file = f"mmclassification/v0/convnext-v2/{{}}_20230104-{version}.pth"
    preprocessing = None if size is None else bicubic(size, None)
    return mmpretrain(f"convnext-v2-{name}", top1, top5, file, preprocessing=preprocessing)


ENTRIES = (
    _entry("atto", _row("atto_fcmae-pre_3rdparty_in1k", 76.64, 93.04, "23765f83")),
    _entry("femto", _row("femto_fcmae-pre_3rdparty_in1k", 78.48, 93.98, "92a75d75")),
    _entry("pico", _row("pico_fcmae-pre_3rdparty_in1k", 80.31, 95.08, "d20263ca")),
    _entry(
        "nano",
        _row("nano_fcmae-in21k-pre_3rdparty_in1k", 82.04, 96.16, "91fa8ae2"),
        _row("nano_fcmae-pre_3rdparty_in1k", 81.86, 95.75, "fe1aaaf2"),
        _row("nano_fcmae-in21k-pre_3rdparty_in1k-384px", 83.36, 96.75, "f951ae87", 384),
        sizes=(384,),
    ),
    _entry(
        "tiny",
        _row("tiny_fcmae-in21k-pre_3rdparty_in1k", 83.89, 96.96, "8cc8b8f2"),
        _row("tiny_fcmae-pre_3rdparty_in1k", 82.94, 96.29, "471a86de"),
        _row("tiny_fcmae-in21k-pre_3rdparty_in1k-384px", 85.09, 97.63, "d8579f84", 384),
        sizes=(384,),
    ),
    _entry(
        "base",
        _row("base_fcmae-in21k-pre_3rdparty_in1k", 86.74, 98.02, "c48d16a5"),
        _row("base_fcmae-pre_3rdparty_in1k", 84.87, 97.08, "00a70fa4"),
        _row("base_fcmae-in21k-pre_3rdparty_in1k-384px", 87.63, 98.42, "379425cc", 384),
        sizes=(384,),
    ),
    _entry(
        "large",
        _row("large_fcmae-in21k-pre_3rdparty_in1k", 87.26, 98.24, "d9c4dc0c"),
        _row("large_fcmae-pre_3rdparty_in1k", 85.76, 97.59, "ef393013"),
        _row("large_fcmae-in21k-pre_3rdparty_in1k-384px", 88.18, 98.52, "9139a1f3", 384),
        sizes=(384,),
    ),
    _entry(
        "huge",
        _row("huge_fcmae-pre_3rdparty_in1k", 86.25, 97.75, "f795e5b8"),
        _row("huge_fcmae-in21k-pre_3rdparty_in1k-384px", 88.68, 98.73, "02a4eb35", 384),
        _row("huge_fcmae-in21k-pre_3rdparty_in1k-512px", 88.86, 98.74, "ce32e63c", 512),
        sizes=(384, 512),
    ),
)
