"""What every backbone is to the rest."""

from __future__ import annotations

from flax import linen as nn


class Backbone(nn.Module):
    """Images (N, H, W, C) -> a tuple of features, one for each of `out_indices`.

    Called as `backbone(images, train)`. Parameter paths are the original's checkpoint names.
    """

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """Whether the parameter at `path` (below the backbone) stays as it is in training."""
        return False
