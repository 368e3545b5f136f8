"""Backbones, one family a file; what is imported here, a config can name."""

# ruff: noqa: F401
from jaxcls.models.backbones.airbench import Airbench
from jaxcls.models.backbones.alexnet import AlexNet
from jaxcls.models.backbones.beit import BEiTViT
from jaxcls.models.backbones.conformer import Conformer
from jaxcls.models.backbones.convmixer import ConvMixer
from jaxcls.models.backbones.convnext import ConvNeXt
from jaxcls.models.backbones.cspnet import CSPDarkNet, CSPResNet, CSPResNeXt
from jaxcls.models.backbones.davit import DaViT
from jaxcls.models.backbones.deit3 import DeiT3
from jaxcls.models.backbones.densenet import DenseNet
from jaxcls.models.backbones.edgenext import EdgeNeXt
from jaxcls.models.backbones.efficientformer import EfficientFormer
from jaxcls.models.backbones.efficientnet import EfficientNet
from jaxcls.models.backbones.efficientnet_v2 import EfficientNetV2
from jaxcls.models.backbones.eva02 import ViTEVA02
from jaxcls.models.backbones.hornet import HorNet
from jaxcls.models.backbones.hrnet import HRNet
from jaxcls.models.backbones.inception_v3 import InceptionV3
from jaxcls.models.backbones.lenet import LeNet5
from jaxcls.models.backbones.levit import LeViT
from jaxcls.models.backbones.mlp_mixer import MlpMixer
from jaxcls.models.backbones.mobilenet_v2 import MobileNetV2
from jaxcls.models.backbones.mobilenet_v3 import MobileNetV3
from jaxcls.models.backbones.mobileone import MobileOne
from jaxcls.models.backbones.mobilevit import MobileViT
from jaxcls.models.backbones.mvit import MViT
from jaxcls.models.backbones.poolformer import PoolFormer
from jaxcls.models.backbones.regnet import RegNet
from jaxcls.models.backbones.repmlp import RepMLPNet
from jaxcls.models.backbones.repvgg import RepVGG
from jaxcls.models.backbones.res2net import Res2Net
from jaxcls.models.backbones.resnest import ResNeSt
from jaxcls.models.backbones.resnet import ResNet, ResNet_CIFAR, ResNetV1c, ResNetV1d
from jaxcls.models.backbones.resnext import ResNeXt
from jaxcls.models.backbones.seresnet import SEResNet, SEResNeXt
from jaxcls.models.backbones.shufflenet_v1 import ShuffleNetV1
from jaxcls.models.backbones.shufflenet_v2 import ShuffleNetV2
from jaxcls.models.backbones.swin_transformer import SwinTransformer
from jaxcls.models.backbones.swin_transformer_v2 import SwinTransformerV2
from jaxcls.models.backbones.t2t_vit import T2T_ViT
from jaxcls.models.backbones.tinyvit import TinyViT
from jaxcls.models.backbones.tnt import TNT
from jaxcls.models.backbones.twins import PCPVT, SVT
from jaxcls.models.backbones.van import VAN
from jaxcls.models.backbones.vgg import VGG
from jaxcls.models.backbones.vision_transformer import DistilledVisionTransformer, VisionTransformer
from jaxcls.models.backbones.xcit import XCiT

__all__ = sorted(name for name, value in globals().items() if isinstance(value, type))
