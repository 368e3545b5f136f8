"""DeiT III (Touvron et al. 2022, DeiT III: Revenge of the ViT, arXiv:2204.07118).

    python train.py --config=configs/deit3.py                    # a small one, on the embedded digits
    python train.py --config=configs/deit3.py:small-p16          # on ImageNet; also medium-p16, base-p16, large-p16, …
    python train.py --config=configs/deit3.py:small-p16-384      # at 384 x 384; also base-p16-384, large-p16-384

The first gives 98.33 % top-1 (seed 0, the last epoch) in 117 CPU-seconds on two cores.

The others are MMPretrain's recipes deit3-small-p16_64xb64_in1k and so on, which fine-tune. It published weights of the
paper's authors, not trained by these recipes: top-1 81.35, 82.99, 83.80, 84.87 and 85.21 % for small to huge, 83.43,
85.08 and 85.82 % at 384 x 384; more after ImageNet-21k (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes

_BATCH_SIZES = {"base-p16-384": 2048, "large-p16-384": 1024, "huge-p14": 2048}
_ARCHS = ("small-p16", "small-p16-384", "medium-p16", "base-p16", "large-p16", *_BATCH_SIZES)


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, _ARCHS, "deit3_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    head = recipes.linear_head(64, 10, type="VisionTransformerClsHead")
    # shallow, it needs no help to start: layer scale begins at one
    backbone = recipes.small_vit("DeiT3", layer_scale_init_value=1.0)
    return recipes.on_digits(backbone, head, neck=None, size=8, max_epochs=100, positions=("pos_embed",))


def imagenet2012(name: str) -> ConfigDict:
    batch_size = _BATCH_SIZES.get(name.removeprefix("deit3_").replace("_", "-"), 4096)
    optimizer = recipes.adamw(1e-5, weight_decay=0.1, decay_all=True, no_decay=("cls_token", "pos_embed"))
    schedule = recipes.cosine(warmup_iters=30, warmup_by_epoch=True, warmup_ratio=1e-4)
    strong = {"augmentation": []} if name.endswith("384") else {}
    mixed = recipes.mixup_cutmix()
    return recipes.imagenet_adamw(name, batch_size, optimizer, schedule, grad_clip=None, train_cfg=mixed, **strong)
