"""MobileNetV2 (Sandler et al. 2018, MobileNetV2: Inverted Residuals and Linear Bottlenecks, arXiv:1801.04381).

    python train.py --config=configs/mobilenet_v2.py                 # half as wide, on the embedded digits
    python train.py --config=configs/mobilenet_v2.py:imagenet2012

The first gives 98.61, 98.89 and 98.89 % top-1 (seeds 0, 1, 2, the last epoch) in 94 s on two CPU cores.

The last is MMClassification's recipe mobilenet-v2_8xb32_in1k; it published 71.86 % top-1, 90.42 % top-5 for it (not yet
measured here). It trains on eight devices, with BatchNorm statistics of each device's own 32 images.
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    return recipes.select(__file__, variant, {"digits": digits, "imagenet2012": imagenet2012})


def digits() -> ConfigDict:
    return recipes.recipe(
        recipes.classifier(dict(type="MobileNetV2", widen_factor=0.5), 1280),
        recipes.digits(size=48),
        recipes.sgd(lr=0.02, weight_decay=4e-5, nesterov=True),
        recipes.cosine(warmup_iters=46, by_epoch=False),
        max_epochs=24,
    )


def imagenet2012() -> ConfigDict:
    optimizer = recipes.sgd(lr=0.045, weight_decay=4e-5)
    return recipes.imagenet_sgd("mobilenet_v2", 256, optimizer, recipes.step(1, gamma=0.98), max_epochs=300)
