"""Tokens-to-Token ViT (Yuan et al. 2021, arXiv:2101.11986)."""

from jaxcls.zoo.entry import Entry, bicubic, label_smoothing, mmcls

_INIT_CFG = [
    dict(type="TruncNormal", layer="Linear", std=0.02),
    dict(type="Constant", layer="LayerNorm", val=1.0, bias=0.0),
]


def _entry(depth: int, width: int, num_heads: int, top1: float, top5: float, version: str) -> Entry:
    row = mmcls(f"t2t-vit-t-{depth}_8xb64_in1k", top1, top5, f"t2t-vit/{{}}_{version}.pth")
    backbone = dict(type="T2T_ViT", img_size=224, embed_dims=width, num_layers=depth, drop_path_rate=0.1)
    backbone |= dict(t2t_cfg=dict(token_dims=64, use_performer=False), init_cfg=_INIT_CFG)
    backbone |= dict(layer_cfgs=dict(num_heads=num_heads, feedforward_channels=3 * width))
    head = dict(type="VisionTransformerClsHead", num_classes=1000, in_channels=width, loss=label_smoothing())
    return Entry(
        f"t2t_vit_t_{depth}",
        backbone,
        head | dict(init_cfg=dict(type="TruncNormal", layer="Linear", std=0.02)),
        neck=None,
        preprocessing=bicubic(resize=248),
        aliases=(row.name,),
        published=(row,),
    )


ENTRIES = (
    _entry(14, 384, 6, 81.83, 95.84, "20211220-f7378dd5"),
    _entry(19, 448, 7, 82.63, 96.18, "20211214-7f5e3aaf"),
    _entry(24, 512, 8, 82.71, 96.09, "20211214-b2a68ae3"),
)
