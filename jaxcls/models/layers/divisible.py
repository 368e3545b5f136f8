"""Channel counts that hardware likes."""

from __future__ import annotations


def make_divisible(channels: float, divisor: int = 8, least: int | None = None, min_ratio: float = 0.9) -> int:
    """The multiple of `divisor` nearest to `channels` (mmcls/models/utils/make_divisible.py).

    Args:
        channels: what is wanted.
        divisor: what the result is a multiple of.
        least: the least result; None: `divisor`.
        min_ratio: the result is no less than this share of `channels`.
    """
    nearest = max(divisor if least is None else least, int(channels + divisor / 2) // divisor * divisor)
    return nearest if nearest >= min_ratio * channels else nearest + divisor
