"""EfficientNetV2: torchvision, timm."""

from jaxcls.convert.built_with import LIKE_PYTORCH, LIKE_TENSORFLOW, norms
from jaxcls.convert.renaming import Rows, Table

# the original's layers: those of the first do not expand, those of the next two have no depthwise convolution
_FUSED, _OTHERS = (2, 3), (4, 5, 6, 7)


def _convolution(source: tuple[str, str], target: str) -> Rows:
    """A convolution and its norm."""
    return {source[0]: f"{target}.conv", source[1]: f"{target}.bn"}


def _blocks(source: str, before: int, first: Rows, fused: Rows, others: Rows) -> Rows:
    """Rows of all blocks, whose stages have the numbers of the original's layers less `before`."""
    kinds = {1: first, **dict.fromkeys(_FUSED, fused), **dict.fromkeys(_OTHERS, others)}
    return {
        f"{source}.{layer - before}.{{j}}.{theirs}": f"backbone.layers.{layer}.{{j}}{ours}"
        for layer, rows in kinds.items()
        for theirs, ours in rows.items()
    }


def _torchvision(*names: str) -> Rows:
    return {f"block.{i}.{j}": f"{name}.{part}" for i, name in enumerate(names) for j, part in enumerate(("conv", "bn"))}


def _tables(last: int) -> tuple[Table, ...]:
    """For models whose last convolution is that layer, after six stages or seven."""
    mark = f"backbone.layers.{last}.conv.weight"
    torchvision: Rows = {
        **_convolution(("features.0.0", "features.0.1"), "backbone.layers.0"),
        **_convolution((f"features.{last}.0", f"features.{last}.1"), f"backbone.layers.{last}"),
        **_blocks(
            "features",
            0,
            _convolution(("block.0.0", "block.0.1"), ""),
            _torchvision(".conv1", ".conv2"),
            {
                **_torchvision(".expand_conv", ".depthwise_conv"),
                **{f"block.2.fc{i}": f".se.conv{i}.conv" for i in (1, 2)},
                **_convolution(("block.3.0", "block.3.1"), ".linear_conv"),
            },
        ),
        "classifier.1": "head.fc",
    }
    timm: Rows = {
        **_convolution(("conv_stem", "bn1"), "backbone.layers.0"),
        **_blocks(
            "blocks",
            1,
            _convolution(("conv", "bn1"), ""),
            {**_convolution(("conv_exp", "bn1"), ".conv1"), **_convolution(("conv_pwl", "bn2"), ".conv2")},
            {
                **_convolution(("conv_pw", "bn1"), ".expand_conv"),
                **_convolution(("conv_dw", "bn2"), ".depthwise_conv"),
                "se.conv_reduce": ".se.conv1.conv",
                "se.conv_expand": ".se.conv2.conv",
                **_convolution(("conv_pwl", "bn3"), ".linear_conv"),
            },
        ),
        **_convolution(("conv_head", "bn2"), f"backbone.layers.{last}"),
        "classifier": "head.fc",
    }
    return (
        Table(("torchvision",), torchvision, mark=mark, built=norms(1e-3, conv_cfg=None)),
        Table(("timm",), timm, mark=mark, built=(*LIKE_TENSORFLOW, *LIKE_PYTORCH)),
    )


TABLES = (*_tables(7), *_tables(8))
