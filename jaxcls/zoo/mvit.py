"""MViTv2 (Li et al. 2022, arXiv:2112.01526)."""

from typing import Any

from jaxcls.zoo.entry import BICUBIC, TRUNCATED_NORMAL, Entry, label_smoothing, linear_head, mmcls


def _entry(arch: str, channels: int, drop_path_rate: float, row: tuple[float, float, str], **backbone: Any) -> Entry:
    top1, top5, version = row
    return Entry(
        f"mvitv2_{arch}",
        dict(type="MViT", arch=arch, drop_path_rate=drop_path_rate, **backbone),
        linear_head(channels, loss=label_smoothing()),
        preprocessing=BICUBIC,
        aliases=(f"mvitv2-{arch}_8xb256_in1k",),
        published=(mmcls(f"mvitv2-{arch}_3rdparty_in1k", top1, top5, f"mvit/{{}}_{version}.pth"),),
        arguments=dict(init_cfg=TRUNCATED_NORMAL),
    )


ENTRIES = (
    _entry("tiny", 768, 0.1, (82.33, 96.15, "20220722-db7beeef")),
    _entry("small", 768, 0.1, (83.63, 96.51, "20220722-986bd741")),
    _entry("base", 768, 0.3, (84.34, 96.86, "20220722-9c4f0a17")),
    _entry("large", 1152, 0.5, (85.25, 97.14, "20220722-2b57b983"), dim_mul_in_attention=False),
)
