"""Where in some images the network sees the class that it predicts, and the true one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxcls.inference import Model
from jaxcls.inspect.heat import HeatMaps
from jaxcls.inspect.stages import Targets
from jaxcls.report.evaluated import Evaluated
from jaxcls.report.pictures import name_of, picture
from jaxcls.visualization.ranked import pixels
from jaxcls.visualization.sheets import overlaid, resized


def heat_maps(found: Evaluated, model: Model, indices: Sequence[int]) -> dict[str, Any]:
    """Grad-CAM of images.

    Returns:
        `layer`: whose maps they are; `rows`, one an image: its `name` and `tiles`: the image, the map of the predicted
        class, where that is wrong that of the truth, each with `title`, `text` and `alt`.

    Raises:
        UserError: no layer of the network gives a map.
    """
    target = Targets(model.classifier, model.image_shape).default()
    maps = HeatMaps(model, [target])
    return {"layer": target.name, "rows": [_row(found, maps, index) for index in indices]}


def _row(found: Evaluated, maps: HeatMaps, index: int) -> dict[str, Any]:
    sample = found.dataset.source[index]
    truth, taken = found.truth(index), [label for label, _ in found.best[index] if label >= 0]
    labels = list(dict.fromkeys([*taken[:2], *truth[:2]]))
    heat = maps(pixels(sample), classes=labels or (0,))
    name = name_of(sample, index)
    tiles = [
        {**picture(resized(heat.pixels)), "title": "Image", "text": name, "alt": f"{name}, as the network sees it"}
    ]
    for label, one in zip(labels, heat.maps["GradCAM"], strict=False):
        kinds = [kind for kind, have in (("predicted", taken), ("truth", truth)) if label in have]
        title, text = " and ".join(kinds).capitalize(), found.classes[label]
        alt = f"{name}: where the network sees {text} ({' and '.join(kinds)})"
        tiles.append({**picture(overlaid(heat.pixels, one)), "title": title, "text": text, "alt": alt})
    return {"name": name, "tiles": tiles}
