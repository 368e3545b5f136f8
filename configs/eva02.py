"""EVA-02 (Fang et al. 2023, EVA-02: A Visual Representation for Neon Genesis, arXiv:2303.11331), fine-tuned.

    python train.py --config=configs/eva02.py                    # a small one, on the embedded digits
    python train.py --config=configs/eva02.py:tiny-p14           # on ImageNet; also small-p14, base-p14, large-p14

The first gives 98.33 % top-1 (seed 0, the last epoch) in 130 CPU-seconds on two cores.

The others are MMPretrain's recipes eva02-tiny-p14_in1k and so on; `--load_from` takes the pre-trained weights. It
published weights of the paper's authors, not trained by these recipes: top-1 80.69, 85.78, 88.47 and 89.83 % (not
measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("tiny-p14", "small-p14", "base-p14", "large-p14"), "eva02_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    backbone = recipes.small_vit("ViTEVA02", sub_ln=True)
    return recipes.on_digits(backbone, 64, neck=None, size=8, max_epochs=60, positions=("pos_embed",))


def imagenet2012(name: str) -> ConfigDict:
    optimizer = recipes.adamw(1.5e-3, weight_decay=0.3, decay_all=True, no_decay=("cls_token", "pos_embed"))
    schedule, mixed = recipes.cosine_by_epoch(warmup_epochs=15), recipes.mixup_cutmix()
    return recipes.imagenet_adamw(name, 2048, optimizer, schedule, augmentation=[], grad_clip=None, train_cfg=mixed)
