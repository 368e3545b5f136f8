"""Windows need pixels to lie on: a map that has shrunk to nothing would give NaN and no word."""

from __future__ import annotations

from collections.abc import Sequence

from jaxcls.errors import ImageSizeError


def require_pixels(result: Sequence[int], window: Sequence[int], size: Sequence[int]) -> None:
    """Refuses windows of which no whole one lies on a map.

    Args:
        result: how many windows lie on it, (rows, columns).
        window: pixels down and across.
        size: of the map, (H, W).

    Raises:
        ImageSizeError: not even one.
    """
    if min(result) < 1:
        raise ImageSizeError(
            f"a window of {window[0]}x{window[1]} does not fit on a feature map of {size[0]}x{size[1]}"
        )
