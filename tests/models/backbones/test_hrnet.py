from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from jaxcls.errors import UserError
from jaxcls.models.backbones import HRNet


def test_images_whose_maps_do_not_lie_over_each_other():
    images = jax.ShapeDtypeStruct((1, 40, 40, 3), jnp.float32)
    with pytest.raises(UserError, match=r"10x10 pixels has no place for one enlarged to 12x12; .* multiples of 32"):
        jax.eval_shape(HRNet("w18").init, jax.random.key(0), images)
