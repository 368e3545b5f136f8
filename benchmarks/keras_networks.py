"""Steps of Keras' networks on its JAX backend for benchmarks/models.py; `pip install keras keras-hub`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import numpy as np

os.environ["KERAS_BACKEND"] = "jax"  # read when keras is imported

import keras
import keras_hub


def _resnet50(shape: tuple[int, ...]) -> keras.Model:
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[3, 4, 6, 3],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="bottleneck_block",
        image_shape=shape,
    )
    return _headed(backbone, keras.layers.GlobalAveragePooling2D()(backbone.output))


def _vit_small(shape: tuple[int, ...]) -> keras.Model:
    backbone = keras_hub.models.ViTBackbone(
        image_shape=shape,
        patch_size=(16, 16),
        num_layers=12,
        num_heads=6,
        hidden_dim=384,
        mlp_dim=1536,
        dropout_rate=0.0,
        attention_dropout=0.0,
    )
    return _headed(backbone, backbone.output[:, 0])


def _swin_tiny(shape: tuple[int, ...]) -> keras.Model:
    backbone = keras_hub.models.SwinTransformerBackbone(
        image_shape=shape, embed_dim=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24), window_size=7, drop_path=0.0
    )
    return _headed(backbone, keras.layers.GlobalAveragePooling1D()(backbone.output))


def _headed(backbone: keras.Model, features: keras.KerasTensor) -> keras.Model:
    return keras.Model(backbone.input, keras.layers.Dense(1000)(features))


def _mobilenet_v2(shape: tuple[int, ...]) -> keras.Model:
    return keras.applications.MobileNetV2(shape, weights=None, classifier_activation=None)


def _convnext_tiny(shape: tuple[int, ...]) -> keras.Model:
    return keras.applications.ConvNeXtTiny(input_shape=shape, weights=None, classifier_activation=None)


NETWORKS = {
    "ResNet-50": _resnet50,
    "MobileNetV2": _mobilenet_v2,
    "ConvNeXt-T": _convnext_tiny,
    "ViT-S/16": _vit_small,
    "Swin-T": _swin_tiny,
}


def train_step(
    name: str, images: np.ndarray, labels: np.ndarray, sgd: Mapping[str, float]
) -> tuple[Callable[[], None], int]:
    """A function that takes a step, and the parameters' number."""
    model = NETWORKS[name](images.shape[1:])
    rate, momentum, decay = (sgd[key] for key in ("lr", "momentum", "weight_decay"))
    optimizer = keras.optimizers.SGD(rate, momentum=momentum, weight_decay=decay)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = keras.ops.convert_to_tensor(images), keras.ops.convert_to_tensor(labels)

    def step() -> None:
        model.train_on_batch(x, y)  # the loss is a number of Python: it has been waited for

    step()
    return step, sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
