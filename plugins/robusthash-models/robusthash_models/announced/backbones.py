"""Feature networks."""

from collections.abc import Iterator

from robusthash.specs import BackboneSpec


def backbones() -> Iterator[BackboneSpec]:
    """A network for small images, and those of torchvision and timm."""
    folder = "robusthash_models.backbones"
    yield BackboneSpec(
        name="small-cnn",
        factory=f"{folder}.small:SmallCNN",
        summary="Three convolutions, for small images of 8x8 and more",
    )
    for depth in ("18", "34", "50", "101", "152"):
        yield BackboneSpec(
            name=f"resnet{depth}",
            factory=f"{folder}.resnet:ResNet",
            summary=f"Residual network of {depth} layers",
            options={"depth": depth},
            paper="he2016deep",
        )
    for depth in ("11", "13", "16", "19"):
        yield BackboneSpec(
            name=f"vgg{depth}",
            factory=f"{folder}.vgg:VGG",
            summary=f"VGG of {depth} layers, including its first two fully connected ones",
            options={"depth": depth},
            paper="simonyan2015very",
        )
    yield BackboneSpec(
        name="alexnet",
        factory=f"{folder}.alexnet:AlexNet",
        summary="AlexNet, including its first two fully connected layers",
        paper="krizhevsky2012imagenet",
    )
    yield BackboneSpec(
        name="densenet161",
        factory=f"{folder}.densenet:DenseNet161",
        summary="Densely connected network of 161 layers",
        paper="huang2017densely",
    )
    yield from _more_backbones(folder)


def _more_backbones(folder: str) -> Iterator[BackboneSpec]:
    yield BackboneSpec(
        name="vit-b-16",
        factory=f"{folder}.vit:ViTB16",
        summary="Vision transformer, base size, patches of 16x16",
        paper="dosovitskiy2021image",
    )
    yield BackboneSpec(
        name="mobilenet-v1",
        factory=f"{folder}.mobilenet:MobileNetV1",
        summary="Depthwise separable convolutions, the first version",
        paper="howard2017mobilenets",
    )
    yield BackboneSpec(
        name="torchvision",
        factory=f"{folder}.torchvision_models:TorchvisionModel",
        summary="Any classifier of torchvision without its last layer, named by the option name",
    )
    yield BackboneSpec(
        name="timm",
        factory=f"{folder}.timm_models:TimmModel",
        summary="Any network of timm without its classifier, named by the option name",
    )
