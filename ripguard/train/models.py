"""Victim architectures by name. To add one, add a line in MODELS, and a file if torchvision does not have it."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ripguard._torchvision import torchvision
from ripguard.fastnet import FastNet
from ripguard.train.preresnet import PreResNet

zoo = torchvision.models


def resnet18(classes: int, side: int) -> nn.Module:
    """ResNet-18 with the usual CIFAR stem: 3×3, stride 1, no pooling (He et al. 2016, section 4.2)."""
    model = zoo.resnet18(num_classes=classes)
    model.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    model.maxpool = nn.Identity()
    return model


def resnet18_imagenet(classes: int, side: int) -> nn.Module:
    """torchvision's ResNet-18 (7×7, stride 2, pooling): a 32×32 image is 8×8 after the stem."""
    return zoo.resnet18(num_classes=classes)


def fastnet(classes: int, side: int) -> nn.Module:
    """The small model for CPUs."""
    return FastNet(classes)


def fastnet_narrow(classes: int, side: int) -> nn.Module:
    """A fifth of the computation of ``fastnet``, for quick experiments."""
    return FastNet(classes, (32, 96, 128))


def fastnet_thumbnail(classes: int, side: int) -> nn.Module:
    """``fastnet-narrow`` on thumbnails of 32×32, whatever the images' size: seconds where the others take minutes."""
    return FastNet(classes, (32, 96, 128), thumbnail=32)


def vgg16_bn(classes: int, side: int) -> nn.Module:
    """VGG-16 with batch norm and, as usual for small images, one linear layer after the convolutions."""
    model = zoo.vgg16_bn(num_classes=classes)
    model.avgpool = nn.AdaptiveAvgPool2d(1)
    model.classifier = nn.Linear(512, classes)
    return model


def preresnet110(classes: int, side: int) -> nn.Module:
    """PreResNet-110 of 1.70 million parameters, see :mod:`ripguard.train.preresnet`."""
    return PreResNet(classes)


def densenet121(classes: int, side: int) -> nn.Module:
    """DenseNet-121; CIFAR stem up to 48 pixels."""
    model = zoo.densenet121(num_classes=classes)
    if side <= 48:
        model.features.conv0 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        model.features.pool0 = nn.Identity()
    return model


def mobilenet_v2(classes: int, side: int) -> nn.Module:
    """MobileNetV2; up to 48 pixels without the first two downsampling steps."""
    model = zoo.mobilenet_v2(num_classes=classes)
    if side <= 48:
        model.features[0][0].stride = (1, 1)
        model.features[2].conv[1][0].stride = (1, 1)
    return model


def vit_small(classes: int, side: int) -> nn.Module:
    """A small vision transformer: 6 layers of width 192, 64 patches (Dosovitskiy et al. 2021, scaled down)."""
    patch = max(1, side // 8)
    return zoo.VisionTransformer(
        image_size=patch * 8, patch_size=patch, num_layers=6, num_heads=3, hidden_dim=192, mlp_dim=768,
        num_classes=classes,
    )  # fmt: skip


MODELS: dict[str, Callable[[int, int], nn.Module]] = {
    "resnet18": resnet18,
    "resnet18-imagenet": resnet18_imagenet,
    "fastnet": fastnet,
    "fastnet-narrow": fastnet_narrow,
    "fastnet-thumbnail": fastnet_thumbnail,
    "vgg16-bn": vgg16_bn,
    "preresnet110": preresnet110,
    "densenet121": densenet121,
    "mobilenet-v2": mobilenet_v2,
    "vit-small": vit_small,
}


def head_of(model: nn.Module) -> tuple[str, nn.Linear]:
    """Name and module of the last linear layer, which maps features to logits."""
    return [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]


def build(name: str, classes: int, side: int) -> nn.Module:
    """A new model for images of ``side``×``side``, three channels. Raises :class:`ValueError` for an unknown name."""
    if name not in MODELS:
        raise ValueError(f"model: expected one of {', '.join(MODELS)}, got {name!r}")
    return MODELS[name](classes, side)
