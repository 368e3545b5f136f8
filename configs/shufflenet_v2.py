"""ShuffleNetV2 (Ma et al. 2018, Practical Guidelines for Efficient CNN Architecture Design, arXiv:1807.11164).

    python train.py --config=configs/shufflenet_v2.py            # half as wide, on the embedded digits
    python train.py --config=configs/shufflenet_v2.py:imagenet2012

The first gives 98.06 % top-1 (seed 0, the last epoch) in 98 CPU-seconds on two cores.

The other is MMClassification's recipe shufflenet-v2-1x_16xb64_in1k; it published 69.55 % top-1, 88.92 % top-5 for it
(not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    return recipes.select(__file__, variant, {"digits": digits, "imagenet2012": imagenet2012})


def digits() -> ConfigDict:
    return recipes.on_digits(dict(type="ShuffleNetV2", widen_factor=0.5), 1024, size=48)


def imagenet2012() -> ConfigDict:
    return recipes.imagenet_sgd(
        "shufflenet_v2_1x",
        1024,
        recipes.sgd(0.5, weight_decay=4e-5, paramwise_cfg=dict(norm_decay_mult=0.0)),
        dict(policy="poly", min_lr=0.0, by_epoch=False, warmup="constant", warmup_iters=5000),
        max_epochs=300,
    )
