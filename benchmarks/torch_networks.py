"""The networks of `models.py` in PyTorch, each with as many parameters as its counterpart."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import nn


class Shortcut(nn.Module):
    """What comes in, or that through `projection`, added to what `branch` makes of it."""

    def __init__(self, branch: nn.Module, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.branch, self.projection = branch, projection or nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.projection(x) + self.branch(x)


class Permute(nn.Module):
    """`torch.permute` as a layer."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(self.axes)


class Scale(nn.Module):
    """A learnt factor a channel, the last axis."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), 1e-6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gamma


def pooled(features: list[nn.Module], channels: int, classes: int) -> nn.Module:
    return nn.Sequential(*features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def conv_bn(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


def mobilenet_v2() -> nn.Module:
    stages = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    layers, channels = [*conv_bn(3, 32, 3, 2), nn.ReLU6()], 32
    for expand_ratio, outputs, depth, stride in stages:
        for i in range(depth):
            hidden, step = expand_ratio * channels, 1 if i else stride
            expand = [*conv_bn(channels, hidden, 1), nn.ReLU6()] if expand_ratio > 1 else []
            filtered = [*conv_bn(hidden, hidden, 3, step, groups=hidden), nn.ReLU6()]
            branch = nn.Sequential(*expand, *filtered, *conv_bn(hidden, outputs, 1))
            layers.append(Shortcut(branch) if step == 1 and channels == outputs else branch)
            channels = outputs
    return pooled([*layers, *conv_bn(channels, 1280, 1), nn.ReLU6()], 1280, 1000)


def convnext_tiny() -> nn.Module:
    depths, channels = (3, 3, 9, 3), (96, 192, 384, 768)
    to_last, to_first = Permute(0, 2, 3, 1), Permute(0, 3, 1, 2)
    layers = [nn.Conv2d(3, 96, 4, 4), to_last, nn.LayerNorm(96, 1e-6), to_first]
    for stage, (depth, width) in enumerate(zip(depths, channels, strict=True)):
        if stage:
            layers += [to_last, nn.LayerNorm(width // 2), to_first, nn.Conv2d(width // 2, width, 2, 2)]
        for _ in range(depth):
            pointwise = [nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), Scale(width)]
            depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
            layers.append(Shortcut(nn.Sequential(depthwise, to_last, nn.LayerNorm(width, 1e-6), *pointwise, to_first)))
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(768, 1e-6), nn.Linear(768, 1000)]
    return nn.Sequential(*layers, *end)


def resnet_cifar_18() -> nn.Module:
    layers = [*conv_bn(3, 64, 3), nn.ReLU()]
    for inputs, outputs in pairwise((64, 64, 128, 256, 512)):
        stride = 1 if inputs == outputs else 2
        for channels, step in ((inputs, stride), (outputs, 1)):
            branch = nn.Sequential(*conv_bn(channels, outputs, 3, step), nn.ReLU(), *conv_bn(outputs, outputs, 3))
            projection = nn.Sequential(*conv_bn(channels, outputs, 1, step)) if channels != outputs else None
            layers += [Shortcut(branch, projection), nn.ReLU()]
    return pooled(layers, 512, 10)


def bottlenecks(layers: list[nn.Module], inputs: int, stages: list[tuple]) -> nn.Module:
    """Stages of bottlenecks after the stem's layers; a stage: (width, groups, outputs, blocks, stride)."""
    for width, groups, outputs, depth, stride in stages:
        for step in (stride, *[1] * (depth - 1)):
            branch = [*conv_bn(inputs, width, 1), nn.ReLU(), *conv_bn(width, width, 3, step, groups), nn.ReLU()]
            projection = nn.Sequential(*conv_bn(inputs, outputs, 1, step)) if step > 1 or inputs != outputs else None
            layers += [Shortcut(nn.Sequential(*branch, *conv_bn(width, outputs, 1)), projection), nn.ReLU()]
            inputs = outputs
    return pooled(layers, inputs, 1000)


def resnet_50(groups: int = 1, widening: int = 1) -> nn.Module:
    blocks = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
    stages = [(widening * width, groups, 4 * width, depth, stride) for width, depth, stride in blocks]
    return bottlenecks([*conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64, stages)


def regnetx_1_6gf() -> nn.Module:
    stages = [(width, width // 24, width, depth, 2) for width, depth in ((72, 2), (168, 4), (408, 10), (912, 2))]
    return bottlenecks([*conv_bn(3, 32, 3, 2), nn.ReLU()], 32, stages)


def lenet5() -> nn.Module:
    features = [nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)]
    hidden = [nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(), nn.Linear(120, 84), nn.Tanh()]
    return nn.Sequential(*features, *hidden, nn.Linear(84, 10))


class ViT(nn.Module):
    """A vision transformer of 16 x 16 patches, 224 x 224 pixels, with a class token."""

    def __init__(self, width: int, heads: int, depth: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token, self.positions = nn.Parameter(torch.zeros(1, 1, width)), nn.Parameter(torch.zeros(1, 197, width))
        options = dict(dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.layers = nn.Sequential(
            *(nn.TransformerEncoderLayer(width, heads, 4 * width, **options) for _ in range(depth))
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), tokens], 1) + self.positions
        return self.head(self.norm(self.layers(tokens))[:, 0])


class WindowAttention(nn.Module):
    """Attention within windows of 7 x 7 that `shift` moves: (N, H, W, C) -> same."""

    def __init__(self, width: int, heads: int, side: int, shift: int) -> None:
        super().__init__()
        self.heads, self.shift = heads, shift
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.table = nn.Parameter(torch.zeros(13 * 13, heads))
        at = torch.cartesian_prod(torch.arange(7), torch.arange(7))
        self.index = (at[:, None] - at[None] + 6) @ torch.tensor([13, 1])
        bands = torch.zeros(side, dtype=torch.int64)
        if shift:
            bands[-7:-shift], bands[-shift:] = 1, 2
        regions = self.windows((3 * bands[:, None] + bands)[None, ..., None]).flatten(1)
        self.mask = torch.where(regions[:, None] == regions[..., None], 0.0, -100.0)[:, None]

    def windows(self, x: torch.Tensor) -> torch.Tensor:
        n, height, width, channels = x.shape
        x = x.view(n, height // 7, 7, width // 7, 7, channels).transpose(2, 3)
        return x.reshape(-1, 49, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, height, width, channels = x.shape
        shifted = x.roll((-self.shift, -self.shift), (1, 2)) if self.shift else x
        qkv = self.qkv(self.windows(shifted)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index].permute(2, 0, 1)[None]
        if self.shift:
            bias = (bias + self.mask).repeat(n, 1, 1, 1)
        y = nn.functional.scaled_dot_product_attention(*qkv, attn_mask=bias)
        y = self.proj(y.transpose(1, 2).flatten(2)).view(n, height // 7, width // 7, 7, 7, channels)
        y = y.transpose(2, 3).reshape(x.shape)
        return y.roll((self.shift, self.shift), (1, 2)) if self.shift else y


class Merge(nn.Module):
    """Four neighbours to one: (N, H, W, C) -> (N, H / 2, W / 2, 2 C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, height, width, channels = x.shape
        x = x.view(n, height // 2, 2, width // 2, 2, channels).transpose(2, 3)
        return self.reduction(self.norm(x.reshape(n, height // 2, width // 2, -1)))


def swin_tiny() -> nn.Module:
    layers, width, side = [nn.Conv2d(3, 96, 4, 4), Permute(0, 2, 3, 1), nn.LayerNorm(96)], 96, 56
    for stage, depth in enumerate((2, 2, 6, 2)):
        if stage:
            layers.append(Merge(width))
            width, side = 2 * width, side // 2
        for block in range(depth):
            shift = 3 if block % 2 and side > 7 else 0
            layers.append(
                Shortcut(nn.Sequential(nn.LayerNorm(width), WindowAttention(width, width // 32, side, shift)))
            )
            feed_forward = [nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)]
            layers.append(Shortcut(nn.Sequential(nn.LayerNorm(width), *feed_forward)))
    return pooled([*layers, nn.LayerNorm(width), Permute(0, 3, 1, 2)], width, 1000)


NETWORKS = {
    "MobileNetV2": mobilenet_v2,
    "ConvNeXt-T": convnext_tiny,
    "ResNet_CIFAR-18": resnet_cifar_18,
    "LeNet-5": lenet5,
    "ResNet-50": resnet_50,
    "ResNeXt-50": partial(resnet_50, groups=32, widening=2),
    "RegNetX-1.6GF": regnetx_1_6gf,
    "ViT-S/16": partial(ViT, 384, 6, 12),
    "Swin-T": swin_tiny,
}


def train_step(
    name: str, images: torch.Tensor, labels: torch.Tensor, optimizer: Callable
) -> tuple[Callable[[], None], int]:
    """A function that takes one step, on images (N, C, H, W) in channels_last, and the number of parameters."""
    network = NETWORKS[name]().to(memory_format=torch.channels_last)
    images, loss_fn = images.contiguous(memory_format=torch.channels_last), nn.CrossEntropyLoss()
    sgd = optimizer(network.parameters())

    def step() -> None:
        sgd.zero_grad()
        loss_fn(network(images), labels).backward()
        sgd.step()

    return step, sum(parameter.numel() for parameter in network.parameters())


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, with MMClassification's names."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv_bn(inputs, outputs, 3, stride)
        self.conv2, self.bn2 = conv_bn(outputs, outputs, 3)
        plain = stride == 1 and inputs == outputs
        self.downsample = None if plain else nn.Sequential(*conv_bn(inputs, outputs, 1, stride))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet18(nn.Module):
    """ResNet-18 (He et al. 2016), whose state dict has MMClassification's names."""

    def __init__(self) -> None:
        super().__init__()
        body = self.backbone = nn.Module()
        body.conv1, body.bn1 = conv_bn(3, 64, 7, 2)
        channels = (64, 64, 128, 256, 512)
        for i, (inputs, outputs) in enumerate(pairwise(channels), 1):
            first = BasicBlock(inputs, outputs, 1 if i == 1 else 2)
            setattr(body, f"layer{i}", nn.Sequential(first, BasicBlock(outputs, outputs, 1)))
        self.head = nn.Module()
        self.head.fc = nn.Linear(512, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        body = self.backbone
        x = nn.functional.max_pool2d(torch.relu(body.bn1(body.conv1(x))), 3, 2, 1)
        for i in range(1, 5):
            x = getattr(body, f"layer{i}")(x)
        return self.head.fc(x.mean((2, 3))).softmax(1)


def resnet18_scores(state_dict: dict, images: torch.Tensor, memory_format: torch.memory_format) -> Callable[[], None]:
    """A function that gives the scores of images (N, 3, H, W) by the weights of a state dict."""
    network = ResNet18().eval().to(memory_format=memory_format)
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in state_dict.items()}, strict=False)
    images = images.contiguous(memory_format=memory_format)

    def scores() -> torch.Tensor:
        with torch.inference_mode():
            return network(images)

    return scores
