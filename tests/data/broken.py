"""A source for worker processes, which import it: nothing here takes long to load."""

from __future__ import annotations

import numpy as np

from jaxcls.data.decode import DamagedImageError
from jaxcls.data.sources.base import Source


class Broken(Source):
    """Every tenth image is damaged."""

    classes = ("a", "b")
    labels = np.zeros(40, np.int32)

    def __len__(self):
        return 40

    def __getitem__(self, index):
        if index % 10 == 0:
            raise DamagedImageError(f"picture {index} is damaged")
        return {"image": np.zeros((4, 4, 1), np.uint8), "label": 0}
