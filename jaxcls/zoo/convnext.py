"""ConvNeXt (Liu et al. 2022, A ConvNet for the 2020s, arXiv:2201.03545)."""

from jaxcls.zoo.entry import BICUBIC, Entry, Published, linear_head, mmcls

# channels of the last stage, drop path rate, the original's batch
_ARCHS = {
    "tiny": (768, 0.1, "32xb128"),
    "small": (768, 0.4, "32xb128"),
    "base": (1024, 0.5, "32xb128"),
    "large": (1536, 0.5, "64xb64"),
    "xlarge": (2048, 0.5, "64xb64"),
}
INIT_CFG = [
    dict(type="TruncNormal", layer=["Conv2d", "Linear"], std=0.02, bias=0.0),
    dict(type="Constant", layer=["LayerNorm"], val=1.0, bias=0.0),
]


def _entry(arch: str, *rows: Published, num_classes: int = 1000) -> Entry:
    channels, drop_path_rate, batch = _ARCHS[arch]
    backbone = dict(type="ConvNeXt", arch=arch, out_indices=(3,), drop_path_rate=drop_path_rate)
    backbone |= dict(gap_before_final_norm=True, init_cfg=INIT_CFG)
    of_21k = num_classes != 1000
    return Entry(
        f"convnext_{arch}_in21k" if of_21k else f"convnext_{arch}",
        backbone,
        linear_head(channels, num_classes),
        neck=None,
        preprocessing=BICUBIC,
        classes="" if of_21k else "imagenet",
        aliases=() if of_21k else (f"convnext-{arch}_{batch}_in1k",),
        published=rows,
    )


def _row(name: str, top1: float | None, top5: float | None, version: str) -> Published:
    return mmcls(f"convnext-{name}", top1, top5, f"convnext/convnext-{name}_{version}.pth")


ENTRIES = (
    _entry(
        "tiny",
        _row("tiny_3rdparty_32xb128_in1k", 82.05, 95.86, "20220124-18abde00"),
        _row("tiny_3rdparty_32xb128-noema_in1k", 81.81, 95.67, "20220222-2908964a"),
    ),
    _entry(
        "small",
        _row("small_3rdparty_32xb128_in1k", 83.13, 96.44, "20220124-d39b5192"),
        _row("small_3rdparty_32xb128-noema_in1k", 83.11, 96.34, "20220222-fa001ca5"),
    ),
    _entry(
        "base",
        _row("base_3rdparty_32xb128_in1k", 83.85, 96.74, "20220124-d0915162"),
        _row("base_3rdparty_32xb128-noema_in1k", 83.71, 96.60, "20220222-dba4f95f"),
        _row("base_in21k-pre-3rdparty_32xb128_in1k", 85.81, 97.86, "20220124-eb2d6ada"),
    ),
    _entry(
        "large",
        _row("large_3rdparty_64xb64_in1k", 84.30, 96.89, "20220124-f8a0ded0"),
        _row("large_in21k-pre-3rdparty_64xb64_in1k", 86.61, 98.04, "20220124-2412403d"),
    ),
    _entry("xlarge", _row("xlarge_in21k-pre-3rdparty_64xb64_in1k", 86.97, 98.20, "20220124-76b6863d")),
    _entry("base", _row("base_3rdparty_in21k", None, None, "20220124-13b83eec"), num_classes=21841),
    _entry("large", _row("large_3rdparty_in21k", None, None, "20220124-41b5a79f"), num_classes=21841),
    _entry("xlarge", _row("xlarge_3rdparty_in21k", None, None, "20220124-f909bad7"), num_classes=21841),
)
