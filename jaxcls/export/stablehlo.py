"""StableHLO by `jax.export`: one program for every number of images and every kind of device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export

from jaxcls.export.program import Program

PLATFORMS = ("cpu", "cuda", "tpu")


def write(program: Program, folder: Path) -> dict[str, Any]:
    """Writes `model.stablehlo` and `weights.npz`; what to say of them.

    The weights are arguments, in the order of their file: a program with them inside could not exceed 2 GB, and would
    take long to compile.
    """
    (batch,) = export.symbolic_shape("batch")
    weights = [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in program.weights.values()]
    images = jax.ShapeDtypeStruct((batch, *program.image.shape), program.image.dtype)
    exported = export.export(jax.jit(program), platforms=PLATFORMS)(weights, images)
    (folder / "model.stablehlo").write_bytes(exported.serialize())
    np.savez(folder / "weights.npz", **program.weights)  # type: ignore[arg-type]
    return {"platforms": PLATFORMS, "calling_convention_version": exported.calling_convention_version}
