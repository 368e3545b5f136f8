"""ONNX by `jax2onnx`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp

from jaxcls.errors import UserError
from jaxcls.export.program import Program
from jaxcls.models.layers.platforms import default_forms

OPSET = 20  # the first with GELU
_INSTALL = "pip install 'jaxcls[onnx]' && pip install --no-deps 'jax2onnx>=0.17'"


def write(program: Program, folder: Path) -> dict[str, Any]:
    """Writes `model.onnx` with the weights inside, those of more than 2 GB beside it; what to say of it.

    Raises:
        UserError: jax2onnx is missing, or has no counterpart of an operation of the network.
    """
    try:
        from jax2onnx import to_onnx
    except ImportError as error:
        raise UserError(f"format='onnx' needs jax2onnx ({error}): {_INSTALL}") from error
    weights = [jnp.asarray(array) for array in program.weights.values()]
    images = ("batch", *program.image.shape)
    try:
        with default_forms():
            to_onnx(lambda images: program(weights, images), [images], opset=OPSET)
    except NotImplementedError as error:
        raise UserError(f"format='onnx': jax2onnx cannot convert the network: {error}") from error
    return {"opset": OPSET}
