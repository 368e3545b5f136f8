"""ConvMixer (Trockman and Kolter 2022, arXiv:2201.09792)."""

from typing import Any

from jaxcls.zoo.entry import Entry, bicubic, linear_head, mmcls


def _entry(width: int, depth: int, top1: float, top5: float, file: str, **backbone: Any) -> Entry:
    alias = f"convmixer-{width}-{depth}_10xb64_in1k"
    return Entry(
        f"convmixer_{width}_{depth}",
        dict(type="ConvMixer", arch=f"{width}/{depth}", **backbone),
        linear_head(width),
        preprocessing=bicubic(resize=233),
        aliases=(alias,),
        published=(mmcls(alias, top1, top5, f"convmixer/convmixer-{file}.pth"),),
    )


ENTRIES = (
    _entry(768, 32, 80.16, 95.08, "768-32_3rdparty_10xb64_in1k_20220323-bca1f7b8", act_cfg=dict(type="ReLU")),
    _entry(1024, 20, 76.94, 93.36, "1024-20_3rdparty_10xb64_in1k_20220323-48f8aeba"),
    _entry(1536, 20, 81.37, 95.61, "1536_20_3rdparty_10xb64_in1k_20220323-ea5786f3"),
)
