"""EdgeNeXt (Maaz et al. 2022, arXiv:2206.10589)."""

from jaxcls.zoo.entry import TRUNCATED_NORMAL_OF_BOTH, Entry, Published, bicubic, linear_head, mmpretrain

_PREPROCESSING, _OF_USI = bicubic(256, 292), bicubic(256, 269)


def _row(name: str, top1: float, top5: float, version: str, file: str = "{}") -> Published:
    others = dict(preprocessing=_OF_USI) if "usi" in name else {}
    return mmpretrain(name, top1, top5, f"mmclassification/v0/edgenext/{file}_20220801-{version}.pth", **others)


def _entry(arch: str, channels: int, *rows: Published) -> Entry:
    configs = [f"edgenext-{arch}_8xb256_in1k"] + [f"edgenext-{arch}_8xb256-usi_in1k"] * (len(rows) - 1)
    return Entry(
        f"edgenext_{arch}",
        dict(type="EdgeNeXt", arch=arch, drop_path_rate=0.1, init_cfg=TRUNCATED_NORMAL_OF_BOTH),
        linear_head(channels),
        neck=None,
        preprocessing=_PREPROCESSING,
        aliases=tuple(configs),
        published=rows,
    )


ENTRIES = (
    _entry("xxsmall", 168, _row("edgenext-xxsmall_3rdparty_in1k", 71.20, 89.91, "7ca8a81d")),
    _entry("xsmall", 192, _row("edgenext-xsmall_3rdparty_in1k", 74.86, 92.31, "974f9fe7")),
    _entry(
        "small",
        304,
        _row("edgenext-small_3rdparty_in1k", 79.41, 94.53, "d00db5f8"),
        _row("edgenext-small-usi_3rdparty_in1k", 81.06, 95.34, "ae6d8dd3", "edgenext-small_3rdparty-usi_in1k"),
    ),
    _entry(
        "base",
        584,
        _row("edgenext-base_3rdparty_in1k", 82.48, 96.2, "9ade408b"),
        _row("edgenext-base_3rdparty-usi_in1k", 83.67, 96.7, "909e8939"),
    ),
)
