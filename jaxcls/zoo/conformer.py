"""Conformer (Peng et al. 2021, arXiv:2105.03889)."""

from typing import Any

from jaxcls.zoo.entry import BICUBIC, TRUNCATED_NORMAL, Entry, Published, label_smoothing, mmcls

_CHANNELS = {"tiny": (256, 384), "small": (1024, 384), "base": (1536, 576)}  # of the convolutions, of the tokens


def _entry(arch: str, patch: int, row: Published, **backbone: Any) -> Entry:
    head = dict(type="ConformerHead", num_classes=1000, in_channels=_CHANNELS[arch], init_cfg=None)
    return Entry(
        f"conformer_{arch}_p{patch}",
        dict(type="Conformer", arch=arch, drop_path_rate=0.1, **backbone),
        head | dict(loss=label_smoothing()),
        neck=None,
        preprocessing=BICUBIC,
        aliases=(f"conformer-{arch}-p{patch}_8xb128_in1k",),
        published=(row,),
        arguments=dict(init_cfg=TRUNCATED_NORMAL),
    )


def _row(name: str, top1: float, top5: float, version: str) -> Published:
    return mmcls(f"conformer-{name}_8xb128_in1k", top1, top5, f"conformer/{{}}_{version}.pth")


ENTRIES = (
    _entry("tiny", 16, _row("tiny-p16_3rdparty", 81.31, 95.60, "20211206-f6860372")),
    _entry("small", 16, _row("small-p16_3rdparty", 83.32, 96.46, "20211206-3065dcf5")),
    _entry("small", 32, _row("small-p32", 81.96, 96.02, "20211206-947a0816"), patch_size=32),
    _entry("base", 16, _row("base-p16_3rdparty", 83.82, 96.59, "20211206-bfdf8637")),
)
