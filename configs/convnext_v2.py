"""ConvNeXt V2 (Woo et al. 2023, Co-designing and Scaling ConvNets with Masked Autoencoders, arXiv:2301.00808).

    python train.py --config=configs/convnext_v2.py              # a small one, on the embedded digits
    python train.py --config=configs/convnext_v2.py:atto         # on ImageNet; also femto, pico, nano, tiny, base, …

The first gives 98.06 % top-1 (seed 0, the last epoch) in 108 CPU-seconds on two cores.

The others are MMPretrain's recipes convnext-v2-atto_32xb32_in1k and so on, which fine-tune. It published weights of
the paper's authors, not trained by these recipes: top-1 76.64, 78.48, 80.31, 81.86, 82.94, 84.87, 85.76 and 86.25 % for
atto to huge, after masked autoencoding on ImageNet-1k alone (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes
from jaxcls.zoo.convnext import INIT_CFG

_ARCHS = ("atto", "femto", "pico", "nano", "tiny", "base", "large", "huge")


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, _ARCHS, "convnextv2_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    small = dict(in_channels=1, stem_patch_size=1, layer_scale_init_value=0.0, use_grn=True)
    small |= dict(arch=dict(depths=(2, 2), channels=(32, 64)), gap_before_final_norm=True, init_cfg=INIT_CFG)
    return recipes.on_digits(dict(type="ConvNeXt", **small), 64, neck=None, size=8, max_epochs=25)


def imagenet2012(name: str) -> ConfigDict:
    ema = dict(momentum=1e-4)
    if name.endswith(("atto", "femto", "pico", "nano")):
        optimizer, schedule = recipes.adamw(8e-4, 0.3, decay_flat=False), recipes.cosine(min_lr=1e-5)
        return recipes.imagenet_adamw(name, 1024, optimizer, schedule, 600, grad_clip=None, ema=ema)
    lr, max_epochs, warmup_epochs = (3.2e-3, 300, 40) if name == "convnextv2_tiny" else (2.5e-3, 100, 20)
    schedule = recipes.cosine_by_epoch(warmup_epochs)
    optimizer, mixed = recipes.adamw(lr, decay_flat=False), recipes.mixup_cutmix()
    return recipes.imagenet_adamw(name, 1024, optimizer, schedule, max_epochs, grad_clip=None, train_cfg=mixed, ema=ema)
