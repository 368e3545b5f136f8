"""TinyViT (Wu et al. 2022, arXiv:2207.10666)."""

from jaxcls.zoo.entry import BICUBIC, TRUNCATED_NORMAL_OF_BOTH, Entry, Published, bicubic, linear_head, mmpretrain

# channels of the last stage, drop path rate
_ARCHS = {"5m": (320, 0.0), "11m": (448, 0.1), "21m": (576, 0.2)}


def _row(name: str, top1: float, top5: float, version: str) -> Published:
    file = f"mmclassification/v0/tinyvit/{{}}_20221021-{version}.pth"
    return mmpretrain(f"tinyvit-{name}", top1, top5, file)


def _entry(arch: str, *rows: Published, size: int = 224) -> Entry:
    (channels, drop_path_rate), windows = _ARCHS[arch], size // 32
    backbone = dict(
        type="TinyViT",
        arch=arch,
        img_size=(size, size),
        window_size=(windows, windows, 2 * windows, windows),
        drop_path_rate=drop_path_rate if size == 224 else 0.1,
        init_cfg=TRUNCATED_NORMAL_OF_BOTH,
    )
    name = f"tinyvit-{arch}-distill_8xb256_in1k"
    return Entry(
        f"tinyvit_{arch}" + (f"_{size}" if size != 224 else ""),
        backbone,
        linear_head(channels),
        neck=None,
        preprocessing=BICUBIC if size == 224 else bicubic(size, None),
        aliases=(name, f"tinyvit-{arch}_8xb256_in1k") if size == 224 else (f"{name}-{size}px",),
        published=rows,
    )


ENTRIES = (
    _entry(
        "5m",
        _row("5m_in21k-distill-pre_3rdparty_in1k", 80.71, 95.57, "d4b010a8"),
        _row("5m_3rdparty_in1k", 79.02, 94.74, "62cb5abf"),
    ),
    _entry(
        "11m",
        _row("11m_in21k-distill-pre_3rdparty_in1k", 83.19, 96.53, "5d3bc0dc"),
        _row("11m_3rdparty_in1k", 81.44, 95.79, "11ccef16"),
    ),
    _entry(
        "21m",
        _row("21m_in21k-distill-pre_3rdparty_in1k", 84.85, 97.27, "3d9b30a2"),
        _row("21m_3rdparty_in1k", 83.08, 96.58, "5346ba34"),
    ),
    _entry("21m", _row("21m_in21k-distill-pre_3rdparty_in1k-384px", 86.21, 97.77, "65be6b3f"), size=384),
    _entry("21m", _row("21m_in21k-distill-pre_3rdparty_in1k-512px", 86.44, 97.89, "e42a9bea"), size=512),
)
