"""The channel shuffle of ShuffleNet (Zhang et al. 2018, arXiv:1707.01083; mmcls/models/utils/channel_shuffle.py)."""

from __future__ import annotations

from jax import Array

from jaxcls.errors import UserError


def channel_shuffle(x: Array, groups: int) -> Array:
    """The channels of the groups in turn: (N, H, W, C) -> same.

    Raises:
        UserError: C is no multiple of `groups`.
    """
    if x.shape[-1] % groups:
        raise UserError(f"{x.shape[-1]} channels do not split into {groups} groups")
    return x.reshape(*x.shape[:-1], groups, -1).swapaxes(-1, -2).reshape(x.shape)
