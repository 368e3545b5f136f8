"""EfficientNet (Tan and Le 2019, arXiv:1905.11946), EdgeTPU's es to el, and lite without gates.

Weights of AdvProp (`…-advprop…`) see pixels from -1 to 1.
"""

from typing import Any

from jaxcls.zoo.entry import HALF, Entry, Preprocessing, linear_head, mmcls


def _crop(size: int, **normalisation: Any) -> Preprocessing:
    return Preprocessing(size, None, interpolation="bicubic", efficientnet_style=True, **normalisation)


def _b(arch: str, size: int, channels: int, *published: tuple[str, float, float, str]) -> Entry:
    name, rows = f"efficientnet-{arch}", []
    for kind, top1, top5, version in published:
        row = f"{name}_3rdparty_8xb32{kind}_in1k", top1, top5, f"efficientnet/{{}}_{version}.pth"
        other = (_crop(size, **HALF), f"{name}_8xb32-01norm_in1k") if "advprop" in kind else ()
        rows.append(mmcls(*row, *other))
    return Entry(
        f"efficientnet_{arch}",
        dict(type="EfficientNet", arch=arch),
        linear_head(channels),
        preprocessing=_crop(size),
        aliases=(f"{name}_8xb32_in1k",),
        published=tuple(rows),
    )


def _edge(arch: str, size: int, channels: int = 1280) -> Entry:
    return Entry(
        f"efficientnet_{arch}",
        dict(type="EfficientNet", arch=arch, act_cfg=dict(type="ReLU")),
        linear_head(channels),
        preprocessing=_crop(size, **HALF),
        aliases=(f"efficientnet-{arch}_8xb32-01norm_in1k",),
    )


def _lite(arch: str, size: int, resize: int) -> Entry:
    return Entry(
        f"efficientnet_{arch}",
        dict(type="EfficientNet", arch=arch, act_cfg=dict(type="ReLU6")),
        linear_head(1280),
        preprocessing=Preprocessing(size, resize, interpolation="bicubic", backend="pillow", **HALF),
    )


ENTRIES = (
    _b(
        "b0",
        224,
        1280,
        ("-aa", 77.26, 93.41, "20220119-8d939117"),
        ("", 76.74, 93.17, "20220119-a7e2a0b1"),
        ("-aa-advprop", 77.53, 93.61, "20220119-26434485"),
    ),
    _b(
        "b1",
        240,
        1280,
        ("-aa", 79.20, 94.42, "20220119-619d8ae3"),
        ("", 78.68, 94.28, "20220119-002556d9"),
        ("-aa-advprop", 79.52, 94.43, "20220119-5715267d"),
    ),
    _b(
        "b2",
        260,
        1408,
        ("-aa", 80.21, 94.96, "20220119-dd61e80b"),
        ("", 79.64, 94.80, "20220119-ea374a30"),
        ("-aa-advprop", 80.45, 95.07, "20220119-1655338a"),
    ),
    _b(
        "b3",
        300,
        1536,
        ("-aa", 81.58, 95.67, "20220119-5b4887a0"),
        ("", 81.01, 95.34, "20220119-4b4d7487"),
        ("-aa-advprop", 81.81, 95.69, "20220119-53b41118"),
    ),
    _b(
        "b4",
        380,
        1792,
        ("-aa", 82.95, 96.26, "20220119-45b8bd2b"),
        ("", 82.57, 96.09, "20220119-81fd4077"),
        ("-aa-advprop", 83.25, 96.44, "20220119-38c2238c"),
    ),
    _b(
        "b5",
        456,
        2048,
        ("-aa", 83.82, 96.76, "20220119-2cab8b78"),
        ("", 83.18, 96.47, "20220119-e9814430"),
        ("-aa-advprop", 84.21, 96.98, "20220119-f57a895a"),
    ),
    _b(
        "b6",
        528,
        2304,
        ("-aa", 84.05, 96.82, "20220119-45b03310"),
        ("-aa-advprop", 84.74, 97.14, "20220119-bfe3485e"),
    ),
    _b(
        "b7",
        600,
        2560,
        ("-aa", 84.38, 96.88, "20220119-bf03951c"),
        ("-aa-advprop", 85.14, 97.23, "20220119-c6dbff10"),
    ),
    _b("b8", 672, 2816, ("-aa-advprop", 85.38, 97.28, "20220119-297ce1b7")),
    _edge("es", 224),
    _edge("em", 240),
    _edge("el", 300, 1536),
    _lite("lite0", 224, 256),
    _lite("lite1", 240, 272),
    _lite("lite2", 260, 296),
    _lite("lite3", 280, 320),
    _lite("lite4", 300, 342),
)
