"""LeViT (Graham et al. 2021, a Vision Transformer in ConvNet's Clothing for Faster Inference, arXiv:2104.01136).

    python train.py --config=configs/levit.py                    # two narrow stages, on the embedded digits
    python train.py --config=configs/levit.py:128s               # on ImageNet; also 128, 192, 256, 384

The first gives 98.89 % top-1 (seed 0, the last epoch) in 71 CPU-seconds on two cores.

The others are MMPretrain's recipes levit-128s_8xb256_in1k and so on. It published weights of the paper's authors, not
trained by these recipes but with a teacher: top-1 76.51, 78.58, 79.86, 81.59 and 82.59 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("128s", "128", "192", "256", "384"), "levit_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(embed_dims=(64, 64), num_heads=(4, 4), depths=(2, 2), key_dims=(16, 16))
    head = dict(type="LeViTClsHead", num_classes=10, in_channels=64, distillation=False)
    return recipes.on_digits(dict(type="LeViT", arch=arch, img_size=64), head, size=64)


def imagenet2012(name: str) -> ConfigDict:
    optimizer = recipes.adamw(2e-3, weight_decay=0.025, no_decay=("attention_biases",))
    schedule = recipes.cosine(5, warmup_by_epoch=True, warmup_ratio=5e-4, min_lr=1e-5)
    mixed = recipes.mixup_cutmix()
    return recipes.imagenet_adamw(name, 2048, optimizer, schedule, 1000, grad_clip=None, train_cfg=mixed)
