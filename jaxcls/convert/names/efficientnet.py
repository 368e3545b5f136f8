"""EfficientNet and its lite forms: efficientnet_pytorch and efficientnet_lite_pytorch, which count all blocks in one.

Their numbers depend on the blocks of each width, so that there is a table for each depth.
"""

from jaxcls.convert.renaming import Rows, Table

# blocks of each of the seven widths: b0, b1 and b2, b3, …, b8; lite0, lite1 and lite2, lite3, lite4
_DEPTHS = (
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
_STAGES = ((0,), (1,), (2,), (3, 4), (5, 6))  # the original counts two widths as one
_LAYERS = {
    "_expand_conv": "expand_conv.conv",
    "_bn0": "expand_conv.bn",
    "_depthwise_conv": "depthwise_conv.conv",
    "_bn1": "depthwise_conv.bn",
    "_se_reduce": "se.conv1.conv",
    "_se_expand": "se.conv2.conv",
    "_project_conv": "linear_conv.conv",
    "_bn2": "linear_conv.bn",
}


def _rows(depths: tuple[int, ...]) -> Rows:
    stages = [sum(depths[width] for width in widths) for widths in _STAGES]
    places = [f"backbone.layers.{stage}.{i}" for stage, depth in enumerate(stages, 1) for i in range(depth)]
    return {
        "_conv_stem": "backbone.layers.0.conv",
        "_bn0": "backbone.layers.0.bn",
        **{
            f"_blocks.{number}.{source}": f"{place}.{target}"
            for number, place in enumerate(places)
            for source, target in _LAYERS.items()
        },
        "_conv_head": "backbone.layers.6.conv",
        "_bn1": "backbone.layers.6.bn",
        "_fc": "head.fc",
    }


TABLES = tuple(
    Table(
        ("efficientnet_pytorch",),
        _rows(depths),
        mark=f"backbone.layers.5.{sum(depths[-2:]) - 1}.linear_conv.conv.weight",
    )
    for depths in _DEPTHS
)
