"""ONNX by `jax2onnx` (https://github.com/enpasos/jax2onnx)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxcls.errors import UserError
from jaxcls.export.program import Program
from jaxcls.models.layers.platforms import leaving_jax

OPSET = 21
_INSTALL = "pip install 'jaxcls[onnx]' && pip install --no-deps 'jax2onnx>=0.17'"


def write(program: Program, folder: Path) -> dict[str, Any]:
    """Writes `model.onnx` with the weights inside, large ones in a file beside it; what to say of it.

    Raises:
        UserError: jax2onnx is missing, or cannot convert the network.
    """
    logging.getLogger("jax2onnx").setLevel(logging.ERROR)  # it warns of the packages that its examples need
    try:
        from jax2onnx import to_onnx
    except ImportError as error:
        raise UserError(f"format='onnx' needs jax2onnx ({error}): {_INSTALL}") from error
    weights = [jnp.asarray(array) for array in program.weights.values()]
    images = jax.ShapeDtypeStruct(("batch", *program.image.shape), program.image.dtype)  # type: ignore[arg-type]
    try:
        with leaving_jax():
            to_onnx(
                lambda images: program(weights, images),
                [images],
                opset=OPSET,
                return_mode="file",
                output_path=folder / "model.onnx",
                input_names=["images"],
                output_names=["scores"],
            )
    except Exception as error:  # what has no counterpart ends in errors of any kind there
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UserError(f"format='onnx': jax2onnx cannot convert this network: {reason}; see docs/export.md") from error
    return {"opset": OPSET}
