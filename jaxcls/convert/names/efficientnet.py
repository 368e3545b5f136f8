"""EfficientNet, EdgeTPU's and lite ones: torchvision, timm, and efficientnet_pytorch and its lite form.

They count the blocks of each width, or all in one, where the original has two widths in a layer. So the numbers depend
on the depths, and there is a table for each.
"""

from jaxcls.convert.built_with import LIKE_PYTORCH, LIKE_TENSORFLOW, Built, norms
from jaxcls.convert.renaming import Rows, Table

Depths = tuple[int, ...]

# blocks of each width: b0, b1 and b2, b3, …, b8; lite0, lite1 and lite2, lite3, lite4
_MOBILE: tuple[Depths, ...] = (
    (1, 2, 2, 3, 3, 4, 1),
    (2, 3, 3, 4, 4, 5, 2),
    (2, 3, 3, 5, 5, 6, 2),
    (2, 4, 4, 6, 6, 8, 2),
    (3, 5, 5, 7, 7, 9, 3),
    (3, 6, 6, 8, 8, 11, 3),
    (4, 7, 7, 10, 10, 13, 4),
    (4, 8, 8, 11, 11, 15, 4),
    (1, 3, 3, 4, 4, 5, 1),
    (1, 3, 3, 5, 5, 6, 1),
    (1, 4, 4, 6, 6, 8, 1),
)
_EDGE: tuple[Depths, ...] = ((1, 2, 4, 5, 4, 2), (2, 3, 5, 6, 5, 3), (2, 3, 6, 7, 6, 3))  # es, em, el
_STAGES = (0, 1, 2, 3, 3, 4, 4)  # the original's layer of each width, less one


def _places(depths: Depths) -> list[tuple[int, int, str]]:
    """(width, number among its blocks, the original's name) of all blocks."""
    blocks = [(width, i) for width, depth in enumerate(depths) for i in range(depth)]
    before = [sum(depths[other] for other in range(width) if _STAGES[other] == _STAGES[width]) for width, _ in blocks]
    return [
        (width, i, f"backbone.layers.{_STAGES[width] + 1}.{more + i}")
        for (width, i), more in zip(blocks, before, strict=True)
    ]


def _convolution(source: tuple[str, str], target: str) -> Rows:
    """A convolution and its norm."""
    return {source[0]: f"{target}.conv", source[1]: f"{target}.bn"}


_SE = {"se.conv1.conv": "reduce", "se.conv2.conv": "expand"}
_PYTORCH: Rows = {
    **_convolution(("_expand_conv", "_bn0"), "expand_conv"),
    **_convolution(("_depthwise_conv", "_bn1"), "depthwise_conv"),
    **{f"_se_{source}": target for target, source in _SE.items()},
    **_convolution(("_project_conv", "_bn2"), "linear_conv"),
}


def _pytorch(depths: Depths) -> Rows:
    return {
        **_convolution(("_conv_stem", "_bn0"), "backbone.layers.0"),
        **{
            f"_blocks.{number}.{source}": f"{place}.{target}"
            for number, (*_, place) in enumerate(_places(depths))
            for source, target in _PYTORCH.items()
        },
        **_convolution(("_conv_head", "_bn1"), "backbone.layers.6"),
        "_fc": "head.fc",
    }


def _of_torchvision(width: int) -> Rows:
    names = (
        ("depthwise_conv", "se", "linear_conv")
        if width == 0
        else ("expand_conv", "depthwise_conv", "se", "linear_conv")
    )
    return {
        **{f"block.{len(names) - 2}.fc{i}": f"se.conv{i}.conv" for i in (1, 2)},
        **{
            f"block.{i}.{j}": f"{name}.{part}"
            for i, name in enumerate(names)
            for j, part in enumerate(("conv", "bn"))
            if name != "se"
        },
    }


def _torchvision(depths: Depths) -> Rows:
    last = len(depths) + 1
    return {
        **_convolution(("features.0.0", "features.0.1"), "backbone.layers.0"),
        **{
            f"features.{width + 1}.{i}.{source}": f"{place}.{target}"
            for width, i, place in _places(depths)
            for source, target in _of_torchvision(width).items()
        },
        **_convolution((f"features.{last}.0", f"features.{last}.1"), "backbone.layers.6"),
        "classifier.1": "head.fc",
    }


_GATE: Rows = {f"se.conv_{source}": target for target, source in _SE.items()}
_FIRST: Rows = {
    **_convolution(("conv_dw", "bn1"), "depthwise_conv"),
    **_GATE,
    **_convolution(("conv_pw", "bn2"), "linear_conv"),
}
_OTHERS: Rows = {
    **_convolution(("conv_pw", "bn1"), "expand_conv"),
    **_convolution(("conv_dw", "bn2"), "depthwise_conv"),
    **_GATE,
    **_convolution(("conv_pwl", "bn3"), "linear_conv"),
}
_FUSED: Rows = {**_convolution(("conv_exp", "bn1"), "conv1"), **_convolution(("conv_pwl", "bn2"), "conv2")}


def _timm(depths: Depths) -> Rows:
    kinds = (_FIRST, *(_OTHERS,) * 6) if depths in _MOBILE else (*(_FUSED,) * 3, *(_OTHERS,) * 3)
    return {
        **_convolution(("conv_stem", "bn1"), "backbone.layers.0"),
        **{
            f"blocks.{width}.{i}.{source}": f"{place}.{target}"
            for width, i, place in _places(depths)
            for source, target in kinds[width].items()
        },
        **_convolution(("conv_head", "bn2"), "backbone.layers.6"),
        "classifier": "head.fc",
    }


def _built(source: str, depths: Depths) -> tuple[Built, ...]:
    if source == "torchvision":  # b0 to b4, b5 to b7
        return LIKE_PYTORCH if depths in _MOBILE[:4] else norms(1e-3, conv_cfg=None)
    return LIKE_TENSORFLOW if source == "efficientnet_pytorch" else (*LIKE_TENSORFLOW, *LIKE_PYTORCH)


TABLES = tuple(
    Table(
        (source,), rows(depths), mark=f"{_places(depths)[-1][-1]}.linear_conv.conv.weight", built=_built(source, depths)
    )
    for source, rows, variants in (
        ("efficientnet_pytorch", _pytorch, _MOBILE),
        ("torchvision", _torchvision, _MOBILE[:7]),
        ("timm", _timm, _MOBILE + _EDGE),
    )
    for depths in variants
)
