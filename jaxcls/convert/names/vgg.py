"""VGG: torchvision, and timm, which has the classifier's linear layers as convolutions."""

from jaxcls.convert.built_with import norms
from jaxcls.convert.layouts import CONVOLUTION, CONVOLUTION_7X7
from jaxcls.convert.renaming import As, Names, Rows, Table

_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_CLASSIFIERS: dict[str, Rows] = {
    "torchvision": {"classifier": "backbone.classifier"},
    "timm": {
        "pre_logits.fc1.weight": As("backbone.classifier.0.weight", CONVOLUTION_7X7),
        "pre_logits.fc1.bias": "backbone.classifier.0.bias",
        "pre_logits.fc2.weight": As("backbone.classifier.3.weight", CONVOLUTION),
        "pre_logits.fc2.bias": "backbone.classifier.3.bias",
        "head.fc": "backbone.classifier.6",
    },
}


def _places(depths: tuple[int, ...]) -> list[int]:
    """Where the convolutions are among the original's layers, which are convolutions and pooling."""
    ends = [sum(depths[: stage + 1]) + stage for stage in range(len(depths))]
    return [place for place in range(ends[-1]) if place not in ends]


def _rows(depths: tuple[int, ...], norm: bool) -> Rows:
    rows, number = dict[Names, Names | As | None](), 0
    places = _places(depths)
    for i, place in enumerate(places):
        rows[f"features.{number}"] = f"backbone.features.{place}.conv"
        if norm:
            rows[f"features.{number + 1}"] = f"backbone.features.{place}.bn"
        pooled = i + 1 < len(places) and places[i + 1] > place + 1
        number += (3 if norm else 2) + pooled  # convolution, norm, activation, pooling
    return rows


TABLES = tuple(
    Table(
        (source,),
        {**_rows(depths, norm), **classifier},
        mark=f"backbone.features.{_places(depths)[-1]}.{'bn' if norm else 'conv'}.weight",
        built=norms(1e-5),
    )
    for source, classifier in _CLASSIFIERS.items()
    for norm in (True, False)
    for depths in _DEPTHS.values()
)
