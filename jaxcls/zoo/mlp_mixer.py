"""MLP-Mixer (Tolstikhin et al. 2021, arXiv:2105.01601)."""

from jaxcls.zoo.entry import Entry, Preprocessing, Published, linear_head, mmcls

_HALF = Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3, interpolation="bicubic")


def _entry(arch: str, width: int, *rows: Published) -> Entry:
    init_cfg = [dict(type="Kaiming", layer="Conv2d", mode="fan_in", nonlinearity="linear")]
    return Entry(
        f"mlp_mixer_{arch}_p16",
        dict(type="MlpMixer", arch=arch, img_size=224, patch_size=16, drop_rate=0.1, init_cfg=init_cfg),
        linear_head(width, topk=(1, 5)),
        neck=dict(type="GlobalAveragePooling", dim=1),
        preprocessing=_HALF,
        aliases=(f"mlp-mixer-{arch}-p16_64xb64_in1k",),
        published=rows,
    )


ENTRIES = (
    _entry(
        "base",
        768,
        mmcls(
            "mlp-mixer-base-p16_3rdparty_64xb64_in1k",
            76.68,
            92.25,
            "mlp-mixer/mixer-base-p16_3rdparty_64xb64_in1k_20211124-1377e3e0.pth",
        ),
    ),
    _entry(
        "large",
        1024,
        mmcls(
            "mlp-mixer-large-p16_3rdparty_64xb64_in1k",
            72.34,
            88.02,
            "mlp-mixer/mixer-large-p16_3rdparty_64xb64_in1k_20211124-5a2519d2.pth",
        ),
    ),
)
