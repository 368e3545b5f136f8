"""VAN (Guo et al. 2022, Visual Attention Network, arXiv:2202.09741).

    python train.py --config=configs/van.py                      # two narrow stages, on the embedded digits
    python train.py --config=configs/van.py:b0                   # on ImageNet; also b1 to b6

The first gives 99.17 % top-1 (seed 0, the last epoch) in 83 CPU-seconds on two cores.

The others are MMClassification's recipes van-b0_8xb128_in1k and so on, b5 and b6, which it lacks, as b4. It published
weights of the paper's authors, not trained by these recipes: top-1 75.41, 81.01, 82.80, 83.86 and 84.13 % for b0 to b4
(not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, [f"b{i}" for i in range(7)], "van_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(embed_dims=(32, 64), depths=(1, 1), ffn_ratios=(4, 4))
    # shallow, it needs no help to start: layer scale begins at one
    small = dict(patch_sizes=(3, 3), out_indices=(1,), block_cfgs=dict(layer_scale_init_value=1.0))
    return recipes.on_digits(dict(type="VAN", arch=arch, in_channels=1, **small), 64, size=16, lr=4e-3, max_epochs=20)


def imagenet2012(name: str) -> ConfigDict:
    jitter = dict(type="ColorJitter", brightness=0.4, contrast=0.4, saturation=0.4)
    return recipes.imagenet_adamw(
        name,
        augmentation=[recipes.rand_augment(), jitter, recipes.random_erasing()],
        train_cfg=recipes.mixup_cutmix() if name in ("van_b0", "van_b1") else None,
    )
