"""Swin Transformer (Liu et al. 2021, arXiv:2103.14030)."""

from typing import Any

from jaxcls.zoo.entry import BICUBIC, Entry, Preprocessing, Published, label_smoothing, linear_head, mmcls

_CHANNELS = {"tiny": 768, "small": 768, "base": 1024, "large": 1536}
_WHOLE_384 = Preprocessing(size=384, resize=None, interpolation="bicubic", backend="pillow")
_INIT_CFG = [
    dict(type="TruncNormal", layer="Linear", std=0.02, bias=0.0),
    dict(type="Constant", layer="LayerNorm", val=1.0, bias=0.0),
]


def _row(name: str, top1: float, top5: float | None, file: str) -> Published:
    return mmcls(f"swin-{name}", top1, top5, f"swin-transformer/{file}.pth")


def _entry(arch: str, *rows: Published, head: dict[str, Any] | None = None, **backbone: Any) -> Entry:
    return Entry(
        f"swin_{arch}",
        dict(type="SwinTransformer", arch=arch, img_size=224, **backbone),
        linear_head(_CHANNELS[arch], init_cfg=None, **(head or {})),
        preprocessing=BICUBIC,
        aliases=(f"swin-{arch}_16xb64_in1k",),
        published=rows,
        arguments=dict(init_cfg=_INIT_CFG),
    )


def _entry_384(arch: str, *rows: Published, data: str = "", alias: str, num_classes: int = 1000) -> Entry:
    stage_cfgs = dict(block_cfgs=dict(window_size=12))
    return Entry(
        f"swin_{arch}_384{data}",
        dict(type="SwinTransformer", arch=arch, img_size=384, drop_path_rate=0.1, stage_cfgs=stage_cfgs),
        linear_head(_CHANNELS[arch], num_classes, init_cfg=None),
        preprocessing=_WHOLE_384 if not data else Preprocessing(384, (510, 510)),
        classes="cub" if data else "imagenet",
        aliases=(alias,),
        published=rows,
        arguments=dict(init_cfg=_INIT_CFG),
    )


_SMOOTH = dict(loss=label_smoothing())
ENTRIES = (
    _entry(
        "tiny",
        _row("tiny_16xb64_in1k", 81.18, 95.61, "swin_tiny_224_b16x64_300e_imagenet_20210616_090925-66df6be6"),
        _row("tiny_3rdparty_in1k", 81.18, 95.52, "convert/swin_tiny_patch4_window7_224-160bb0a5"),
        head=_SMOOTH,
        drop_path_rate=0.2,
    ),
    _entry(
        "small",
        _row("small_16xb64_in1k", 83.02, 96.29, "swin_small_224_b16x64_300e_imagenet_20210615_110219-7f9d988b"),
        _row("small_3rdparty_in1k", 83.21, 96.25, "convert/swin_small_patch4_window7_224-cc7a01c9"),
        head=_SMOOTH,
        drop_path_rate=0.3,
    ),
    _entry(
        "base",
        _row("base_16xb64_in1k", 83.36, 96.44, "swin_base_224_b16x64_300e_imagenet_20210616_190742-93230b0d"),
        _row("base_3rdparty_in1k", 83.42, 96.44, "convert/swin_base_patch4_window7_224-4670dd19"),
        _row("base_in21k-pre-3rdparty_in1k", 85.16, 97.50, "convert/swin_base_patch4_window7_224_22kto1k-f967f799"),
        head=_SMOOTH,
        drop_path_rate=0.5,
    ),
    _entry(
        "large",
        _row("large_in21k-pre-3rdparty_in1k", 86.24, 97.88, "convert/swin_large_patch4_window7_224_22kto1k-5f0996db"),
        drop_path_rate=0.1,
    ),
    _entry_384(
        "base",
        _row("base_3rdparty_in1k-384", 84.49, 96.95, "convert/swin_base_patch4_window12_384-02c598a4"),
        _row(
            "base_in21k-pre-3rdparty_in1k-384", 86.44, 98.05, "convert/swin_base_patch4_window12_384_22kto1k-d59b0d1d"
        ),
        alias="swin-base_16xb64_in1k-384px",
    ),
    _entry_384(
        "large",
        _row(
            "large_in21k-pre-3rdparty_in1k-384", 87.25, 98.25, "convert/swin_large_patch4_window12_384_22kto1k-0a40944b"
        ),
        alias="swin-large_16xb64_in1k-384px",
    ),
    _entry_384(
        "large",
        _row("large_8xb8_cub_384px", 91.87, None, "swin-large_8xb8_cub_384px_20220307-1bbaee6a"),
        data="_cub",
        alias="swin-large_8xb8_cub_384px",
        num_classes=200,
    ),
)
