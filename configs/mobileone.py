"""MobileOne (Vasu et al. 2022, MobileOne: An Improved One millisecond Mobile Backbone, arXiv:2206.04040).

    python train.py --config=configs/mobileone.py                # a narrow one, on the embedded digits
    python train.py --config=configs/mobileone.py:s0             # on ImageNet; also s1, s2, s3, s4

The first gives 98.33 % top-1 (seed 0, the last epoch) in 88 CPU-seconds on two cores.

The others are MMPretrain's recipes mobileone-s0_8xb32_in1k and so on, without the annealing of weight decay, and
without the smaller images and weaker augmentation of the first 112 epochs of s1 to s4. It published top-1 71.34,
75.72, 77.37, 78.06 and 79.69 % for s0 to s4 (not measured here). `jaxcls.deploy` merges a trained network's branches.
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("s0", "s1", "s2", "s3", "s4"), "mobileone_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(num_blocks=(1, 2, 2, 1), width_factor=(0.5, 0.5, 0.375, 0.25))
    arch |= dict(num_conv_branches=(2, 2, 2, 2), num_se_blocks=(0, 0, 0, 1))
    return recipes.on_digits(dict(type="MobileOne", in_channels=1, arch=arch), 128, lr=4e-3, max_epochs=30)


def imagenet2012(name: str) -> ConfigDict:
    return recipes.imagenet_sgd(
        name,
        optimizer=recipes.sgd(0.1, paramwise_cfg=dict(norm_decay_mult=0.0)),
        lr_config=recipes.cosine(warmup_iters=5, warmup_by_epoch=True, warmup_ratio=1e-3, min_lr=1e-6),
        max_epochs=300,
        augmentation=[] if name.endswith("s0") else [recipes.rand_augment(level=7)],
        ema=dict(momentum=5e-4, statistics=True),
    )
