"""DeiT (Touvron et al. 2021, Training data-efficient image transformers, arXiv:2012.12877).

    python train.py --config=configs/deit.py                     # a small one, on the embedded digits
    python train.py --config=configs/deit.py:tiny                # on ImageNet; also small, base
    python train.py --config=configs/deit.py:tiny-distilled      # also small-distilled, base-distilled
    python train.py --config=configs/deit.py:base-384            # to fine-tune at 384 x 384; also base-distilled-384

The first gives 97.78 % top-1 (seed 0, the last epoch) in 112 CPU-seconds on two cores.

The others are MMClassification's recipes deit-tiny_pt-4xb256_in1k and so on. It published top-1 74.50, 80.69 and
81.76 % for tiny to base; and weights of the paper's authors, not trained by these recipes, 83.04 % for base-384, and
distilled 74.51, 81.17, 83.33 and 85.55 %. None of these is measured here.
"""

from ml_collections import ConfigDict

from jaxcls import recipes

_ARCHS = ("tiny", "small", "base", "tiny-distilled", "small-distilled", "base-distilled")
_NO_DECAY = ("cls_token", "dist_token", "pos_embed")


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    fine_tuned = recipes.variants(finetune, ("base-384", "base-distilled-384"), "deit_{}")
    on_imagenet = recipes.variants(pretrain, _ARCHS, "deit_{}") | fine_tuned
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    backbone = recipes.small_vit("DistilledVisionTransformer")
    head = recipes.linear_head(64, 10, type="DeiTClsHead")
    return recipes.on_digits(backbone, head, neck=None, size=8, max_epochs=60, positions=("pos_embed",))


def pretrain(name: str) -> ConfigDict:
    ema = dict(ema=dict(momentum=4e-5)) if name == "deit_base" else {}
    optimizer = recipes.adamw(1e-3, no_decay=_NO_DECAY)
    return recipes.imagenet_adamw(name, optimizer=optimizer, train_cfg=recipes.mixup_cutmix(), **ema)


def finetune(name: str) -> ConfigDict:
    optimizer = recipes.adamw(0.003, weight_decay=0.3, decay_all=True, no_decay=_NO_DECAY)
    schedule = recipes.cosine(warmup_iters=10000, warmup_ratio=1e-4)
    return recipes.imagenet_adamw(name, 512, optimizer, schedule, augmentation=[], grad_clip=1.0)
