"""EdgeNeXt (Maaz et al. 2022, Efficiently Amalgamated CNN-Transformer Architecture, arXiv:2206.10589).

    python train.py --config=configs/edgenext.py                 # two narrow stages, on the embedded digits
    python train.py --config=configs/edgenext.py:xxsmall         # on ImageNet; also xsmall, small, base

The first gives 98.89 % top-1 (seed 0, the last epoch) in 68 CPU-seconds on two cores.

The others are MMPretrain's recipes edgenext-xxsmall_8xb256_in1k and so on. It published weights of the paper's authors,
not trained by these recipes: top-1 71.20, 74.86, 79.41 and 82.48 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("xxsmall", "xsmall", "small", "base"), "edgenext_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    # shallow, it needs no help to start: layer scale begins at one
    small = dict(arch=dict(channels=(32, 64), depths=(2, 2), num_heads=(4, 4)), layer_scale_init_value=1.0)
    small |= dict(global_blocks=(0, 1), global_block_type=("None", "SDTA"), use_pos_embd_csa=(False, True))
    return recipes.on_digits(dict(type="EdgeNeXt", in_channels=1, **small), 64, neck=None, max_epochs=25)


def imagenet2012(name: str) -> ConfigDict:
    schedule = recipes.cosine_by_epoch()
    return recipes.imagenet_adamw(name, 4096, recipes.adamw(6e-3, decay_flat=False), schedule, ema=dict(momentum=4e-5))
