"""HorNet (Rao et al. 2022, arXiv:2207.14284); `gf`: with the global filter."""

from jaxcls.zoo.entry import BICUBIC, TRUNCATED_NORMAL, Entry, label_smoothing, linear_head, mmcls

# channels, drop_path_rate, and what the original's configs of them are called
_ARCHS = {
    "tiny": (512, 0.2, "8xb128"),
    "small": (768, 0.4, "8xb64"),
    "base": (1024, 0.5, "8xb64"),
    "large": (1536, 0.5, ""),
}
_INIT_CFG = (*TRUNCATED_NORMAL, dict(type="Constant", layer=["LayerScale"], val=1e-6))


def _entry(arch: str, *numbers: tuple[float, float, str]) -> Entry:
    size, _, kind = arch.partition("-")
    channels, drop_path_rate, batch = _ARCHS[size]
    return Entry(
        f"hornet_{arch.replace('-', '_')}",
        dict(type="HorNet", arch=arch, drop_path_rate=drop_path_rate),
        linear_head(channels, init_cfg=None, loss=label_smoothing()),
        neck=None,
        preprocessing=BICUBIC.at(384) if kind == "gf384" else BICUBIC,
        aliases=(f"hornet-{arch}_{batch}_in1k",) if numbers else (),
        published=tuple(
            mmcls(f"hornet-{arch}_3rdparty_in1k", top1, top5, f"hornet/{{}}_{version}.pth")
            for top1, top5, version in numbers
        ),
        arguments=dict(init_cfg=_INIT_CFG),
    )


ENTRIES = (
    _entry("tiny", (82.84, 96.24, "20220915-0e8eedff")),
    _entry("tiny-gf", (82.98, 96.38, "20220915-4c35a66b")),
    _entry("small", (83.79, 96.75, "20220915-5935f60f")),
    _entry("small-gf", (83.98, 96.77, "20220915-649ca492")),
    _entry("base", (84.24, 96.94, "20220915-a06176bb")),
    _entry("base-gf", (84.32, 96.95, "20220915-82c06fa7")),
    _entry("base-gf384"),
    _entry("large"),
    _entry("large-gf"),
    _entry("large-gf384"),
)
