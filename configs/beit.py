"""BEiT (Bao et al. 2022, arXiv:2106.08254) and BEiT v2 (Peng et al. 2022, arXiv:2208.06366), fine-tuned.

    python train.py --config=configs/beit.py                     # a small one, on the embedded digits
    python train.py --config=configs/beit.py:beit-base-p16       # on ImageNet; also beitv2-base-p16

The first gives 96.94 % top-1 (seed 0, the last epoch) in 108 CPU-seconds on two cores.

The others are MMPretrain's recipes beit-base-p16_8xb128-coslr-100e_in1k; `--load_from` takes the pre-trained weights.
It published top-1 83.1 and 85.0 % for them (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes

_NO_DECAY = ("q_bias", "v_bias", "cls_token", "pos_embed", "gamma")


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("beit-base-p16", "beitv2-base-p16"), "{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    # shallow, it needs no help to start: layer scale begins at one
    backbone = recipes.small_vit("BEiTViT", layer_scale_init_value=1.0)
    positions = ("relative_position_bias_table",)
    return recipes.on_digits(backbone, 64, neck=None, size=8, max_epochs=60, positions=positions)


def imagenet2012(name: str) -> ConfigDict:
    optimizer = recipes.adamw(4e-3, no_decay=_NO_DECAY)
    optimizer["paramwise_cfg"]["layer_decay_rate"] = 0.65
    schedule = recipes.cosine(20, warmup_by_epoch=True, warmup_ratio=1e-4, by_epoch=False, min_lr=1e-6)
    mixed = recipes.mixup_cutmix()
    return recipes.imagenet_adamw(name, 1024, optimizer, schedule, 100, grad_clip=None, train_cfg=mixed)
