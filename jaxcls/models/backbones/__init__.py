"""Backbones, one family a file."""

from jaxcls.models.backbones.lenet import LeNet5
from jaxcls.models.backbones.resnet import ResNet, ResNet_CIFAR, ResNetV1c, ResNetV1d

__all__ = ["LeNet5", "ResNet", "ResNetV1c", "ResNetV1d", "ResNet_CIFAR"]
