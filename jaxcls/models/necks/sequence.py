"""Several necks, as a config's list of them."""

from __future__ import annotations

from typing import Any

from flax import linen as nn


class NeckSequence(nn.Module):
    """One neck after another: a tuple of features -> a tuple of features.

    Attributes:
        necks: named "0", "1" and so on, as in the original's nn.Sequential.
    """

    necks: tuple[nn.Module, ...]

    @nn.compact
    def __call__(self, features: tuple[Any, ...], train: bool = False) -> tuple[Any, ...]:
        for i, neck in enumerate(self.necks):
            # Flax would name them necks_0, necks_1
            features = neck.clone(parent=self, name=str(i))(features, train)
        return features
