"""Models mix dtypes only where they say so; optax's Adam does not, so that this is for models alone."""

from __future__ import annotations

import jax
import pytest


@pytest.fixture(autouse=True)
def _strict_promotion():
    with jax.numpy_dtype_promotion("strict"):
        yield
