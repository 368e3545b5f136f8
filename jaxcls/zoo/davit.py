"""DaViT (Ding et al. 2022, arXiv:2204.03645)."""

from jaxcls.zoo.entry import Entry, Published, bicubic, label_smoothing, linear_head, mmpretrain

_CHANNELS = {"tiny": 768, "small": 768, "base": 1024, "large": 1536, "huge": 2048, "giant": 3072}


def _entry(arch: str, drop_path_rate: float, *rows: Published) -> Entry:
    return Entry(
        f"davit_{arch}",
        dict(type="DaViT", arch=arch, drop_path_rate=drop_path_rate),
        linear_head(_CHANNELS[arch], loss=label_smoothing()),
        preprocessing=bicubic(224, 236),
        aliases=(f"davit-{arch}_4xb256_in1k",) if rows else (),
        published=rows,
    )


def _row(arch: str, top1: float, top5: float, version: str) -> Published:
    file = f"mmclassification/v0/davit/{{}}_20221116-{version}.pth"
    return mmpretrain(f"davit-{arch}_3rdparty_in1k", top1, top5, file)


ENTRIES = (
    _entry("tiny", 0.1, _row("tiny", 82.24, 96.13, "700fdf7d")),
    _entry("small", 0.2, _row("small", 83.61, 96.75, "51a849a6")),
    _entry("base", 0.4, _row("base", 84.09, 96.82, "19e0d956")),
    # there are no recipes for these
    _entry("large", 0.4),
    _entry("huge", 0.4),
    _entry("giant", 0.4),
)
