"""DeiT (Touvron et al. 2021, arXiv:2012.12877)."""

from jaxcls.zoo.entry import BICUBIC, Entry, Preprocessing, Published, label_smoothing, mmcls

_WIDTHS = {"tiny": 192, "small": 384, "base": 768}
_AT_384 = Preprocessing(384, None, interpolation="bicubic", backend="pillow")
_INIT_CFG = [
    dict(type="TruncNormal", layer="Linear", std=0.02),
    dict(type="Constant", layer="LayerNorm", val=1.0, bias=0.0),
]


def _entry(
    arch: str,
    alias: str,
    *rows: Published,
    distilled: bool = False,
    drop_path_rate: float = 0.0,
    preprocessing: Preprocessing = BICUBIC,
) -> Entry:
    kind = "Distilled" if distilled else ""
    size, suffix = preprocessing.size, "_distilled" if distilled else ""
    backbone = dict(type=f"{kind}VisionTransformer", arch=f"deit-{arch}", img_size=size, patch_size=16)
    head = dict(type="DeiTClsHead" if distilled else "VisionTransformerClsHead", num_classes=1000)
    return Entry(
        f"deit_{arch}{suffix}" + (f"_{size}" if size != 224 else ""),
        backbone | dict(drop_path_rate=drop_path_rate),
        head | dict(in_channels=_WIDTHS[arch], loss=label_smoothing()),
        neck=None,
        preprocessing=preprocessing,
        aliases=(f"deit-{arch}{suffix.replace('_', '-')}_{alias}",),
        published=rows,
        arguments=dict(init_cfg=_INIT_CFG),
    )


def _row(name: str, top1: float, top5: float, version: str) -> Published:
    return mmcls(f"deit-{name}", top1, top5, f"deit/deit-{name}_{version}.pth")


ENTRIES = (
    _entry("tiny", "pt-4xb256_in1k", _row("tiny_pt-4xb256_in1k", 74.50, 92.24, "20220218-13b382a0")),
    _entry("small", "pt-4xb256_in1k", _row("small_pt-4xb256_in1k", 80.69, 95.06, "20220218-9425b9bb")),
    _entry(
        "base",
        "pt-16xb64_in1k",
        _row("base_pt-16xb64_in1k", 81.76, 95.81, "20220216-db63c16c"),
        _row("base_3rdparty_pt-16xb64_in1k", 81.79, 95.59, "20211124-6f40c188"),
        drop_path_rate=0.1,
    ),
    _entry(
        "base",
        "ft-16xb32_in1k-384px",
        _row("base_3rdparty_ft-16xb32_in1k-384px", 83.04, 96.31, "20211124-822d02f2"),
        preprocessing=_AT_384,
    ),
    _entry(
        "tiny",
        "pt-4xb256_in1k",
        _row("tiny-distilled_3rdparty_pt-4xb256_in1k", 74.51, 91.90, "20211216-c429839a"),
        distilled=True,
    ),
    _entry(
        "small",
        "pt-4xb256_in1k",
        _row("small-distilled_3rdparty_pt-4xb256_in1k", 81.17, 95.40, "20211216-4de1d725"),
        distilled=True,
    ),
    _entry(
        "base",
        "pt-16xb64_in1k",
        _row("base-distilled_3rdparty_pt-16xb64_in1k", 83.33, 96.49, "20211216-42891296"),
        distilled=True,
    ),
    _entry(
        "base",
        "ft-16xb32_in1k-384px",
        _row("base-distilled_3rdparty_ft-16xb32_in1k-384px", 85.55, 97.35, "20211216-e48d6000"),
        distilled=True,
        preprocessing=_AT_384,
    ),
)
