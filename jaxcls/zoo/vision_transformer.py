"""Vision Transformer (Dosovitskiy et al. 2021, arXiv:2010.11929)."""

from typing import Any

from jaxcls.zoo.entry import BICUBIC, Entry, Preprocessing, Published, label_smoothing, mmcls

_WIDTHS = {"base": 768, "large": 1024}
_AT_384 = Preprocessing(384, 384, (127.5,) * 3, (127.5,) * 3, backend="pillow")
_AT_224 = Preprocessing(224, 224, (127.5,) * 3, (127.5,) * 3, backend="pillow")
_INIT_CFG = [dict(type="Kaiming", layer="Conv2d", mode="fan_in", nonlinearity="linear")]


def _entry(
    arch: str, patch: int, suffix: str, preprocessing: Preprocessing, alias: str, *rows: Published, **head: Any
) -> Entry:
    name = f"vit_{arch}_p{patch}"
    # The original smooths the labels of the one and not of the others.
    smooth = name == "vit_base_p16" and suffix
    loss = label_smoothing("classy_vision") if smooth else dict(type="CrossEntropyLoss", loss_weight=1.0)
    backbone = dict(type="VisionTransformer", arch=arch[0], img_size=preprocessing.size, patch_size=patch)
    head = dict(type="VisionTransformerClsHead", num_classes=1000, in_channels=_WIDTHS[arch], loss=loss) | head
    return Entry(
        name + suffix,
        backbone | dict(drop_rate=0.1, init_cfg=_INIT_CFG),
        head,
        neck=None,
        preprocessing=preprocessing,
        aliases=(f"vit-{arch}-p{patch}_{alias}",) if alias else (),
        published=rows,
    )


def _row(name: str, top1: float, top5: float, version: str) -> Published:
    name = f"vit-{name}_in21k-pre-3rdparty_ft-64xb64_in1k-384"
    return mmcls(name, top1, top5, f"vit/finetune/{name}_{version}.pth")


_FT, _PT = "ft-64xb64_in1k-384", "pt-64xb64_in1k-224"
ENTRIES = (
    _entry("base", 16, "", _AT_224, "ft-4xb544-ipu_in1k"),
    _entry("base", 32, "", _AT_224, ""),
    _entry("large", 16, "", _AT_224, ""),
    _entry("large", 32, "", _AT_224, ""),
    _entry("base", 16, "_384", _AT_384, _FT, _row("base-p16", 85.43, 97.77, "20210928-98e8652b")),
    _entry("base", 32, "_384", _AT_384, _FT, _row("base-p32", 84.01, 97.08, "20210928-9cea8599")),
    _entry("large", 16, "_384", _AT_384, _FT, _row("large-p16", 85.63, 97.63, "20210928-b20ba619")),
    _entry("large", 32, "_384", _AT_384, _FT),
    # as they are pretrained: with one more layer in the head
    _entry("base", 16, "_pt", BICUBIC, _PT, hidden_dim=3072),
    _entry("base", 32, "_pt", BICUBIC, _PT, hidden_dim=3072),
    _entry("large", 16, "_pt", BICUBIC, _PT, hidden_dim=3072),
    _entry("large", 32, "_pt", BICUBIC, _PT, hidden_dim=3072),
)
