"""ResNeSt (Zhang et al. 2020, arXiv:2004.08955)."""

from typing import Any

from jaxcls.zoo.entry import Entry, bicubic, label_smoothing, linear_head


def _entry(depth: int, size: int, batch: str = "", **backbone: Any) -> Entry:
    return Entry(
        f"resnest{depth}",
        dict(type="ResNeSt", depth=depth, **backbone),
        linear_head(2048, loss=label_smoothing()),
        preprocessing=bicubic(size, None, efficientnet_style=True),
        aliases=(f"resnest{depth}_{batch}_in1k",) if batch else (),
    )


ENTRIES = (
    _entry(50, 224, "32xb64"),
    _entry(101, 256, "32xb64", stem_channels=128),
    _entry(152, 256, stem_channels=128),  # there is no recipe for it
    _entry(200, 320, "64xb32", stem_channels=128),
    _entry(269, 416, "64xb32", stem_channels=128),
)
