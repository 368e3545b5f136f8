"""Writes a run's weights to be passed on: without the optimiser's state, with a hash in the name.

    python -m jaxcls.tools.publish work_dirs/resnet --out=resnet18_digits.pth
    python -m jaxcls.tools.publish epoch_100.pth --out=resnet50.safetensors

The file is called `<out>_<yyyymmdd>-<first 8 digits of its SHA-256>.<ending>`, as the original's. Averaged weights are
taken where the run kept averages. What is beside the weights: the classes, the epoch and the config.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxcls.convert.fetch import local
from jaxcls.convert.wrappers import read_weights
from jaxcls.convert.writers import write_file
from jaxcls.engine.checkpoints.loading import is_file
from jaxcls.paths import output_file
from jaxcls.tools.command_line import CommandLine, start
from jaxcls.tools.export_checkpoint import export_checkpoint


def publish(checkpoint: str | os.PathLike, out: str | os.PathLike, to: str = "mmcls") -> Path:
    """Writes the weights, and gives the file's path.

    Args:
        checkpoint: a work directory, one checkpoint in it, or a file of weights.
        out: .pth, .pt or .safetensors; the date and the hash are put before the ending.
        to: whose names, as `export_checkpoint` takes it.

    Raises:
        UserError: there is no checkpoint, or the file cannot be written.
    """
    out = output_file(out, "--out")
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:  # the same file system, so that renaming is at once
        partial = Path(folder) / out.name
        if is_file(checkpoint):
            weights = read_weights(local(checkpoint))
            write_file(partial, {name: np.asarray(value) for name, value in weights.state_dict.items()}, weights.meta)
        else:
            export_checkpoint(checkpoint, partial, to)
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        date = datetime.datetime.now().strftime("%Y%m%d")
        return partial.rename(out.with_name(f"{out.stem}_{date}-{digest[:8]}{out.suffix}"))


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "publish")
    line.add_argument("checkpoint", metavar="WORKDIR|FILE", help="a work directory, a checkpoint, or a file of weights")
    line.add_argument("--out", required=True, help="the file: .pth, .pt or .safetensors")
    line.add_argument("--to", default="mmcls", help="whose names: mmcls, torchvision, timm, transformers")
    print(publish(**line.options(arguments)))


if __name__ == "__main__":
    start(main)
