"""Conformer (Peng et al. 2021, Local Features Coupling Global Representations, arXiv:2105.03889).

    python train.py --config=configs/conformer.py                # a small one, on the embedded digits
    python train.py --config=configs/conformer.py:tiny-p16       # on ImageNet; also small-p16, small-p32, base-p16

The first gives 99.17 % top-1 (seed 0, the last epoch) in 119 CPU-seconds on two cores.

The others are MMClassification's recipes conformer-tiny-p16_8xb128_in1k and so on. It published top-1 81.96 % for
small-p32; and weights of the paper's authors, not trained by these recipes, 81.31, 83.32 and 83.82 % for tiny to base
(not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("tiny-p16", "small-p16", "small-p32", "base-p16"), "conformer_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(embed_dims=64, channel_ratio=1, num_heads=4, depths=3)
    backbone = dict(type="Conformer", arch=arch, base_channels=16, mlp_ratio=2.0, norm_eval=False)
    head = dict(type="ConformerHead", num_classes=10, in_channels=(64, 64))
    return recipes.on_digits(backbone, head, neck=None, size=32, max_epochs=40)


def imagenet2012(name: str) -> ConfigDict:
    optimizer = recipes.adamw(1e-3, no_decay=("cls_token",))
    schedule = recipes.cosine_to_hundredth(warmup_iters=6260, warmup_ratio=1e-3)
    mixed = recipes.mixup_cutmix()
    return recipes.imagenet_adamw(name, 1024, optimizer, schedule, grad_clip=None, train_cfg=mixed)
