"""Writes a run's weights as a file that PyTorch reads.

    python -m jaxcls.tools.export_checkpoint work_dirs/resnet --out=resnet.pth
    python -m jaxcls.tools.export_checkpoint work_dirs/resnet/checkpoints/20 --out=resnet.safetensors --to=timm

Averaged weights are taken where the run kept averages. PyTorch is not needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcls.config import load_config
from jaxcls.convert import export_state_dict
from jaxcls.convert.recognise import rename_back
from jaxcls.convert.writers import write_file
from jaxcls.engine.checkpoints.loading import read_variables
from jaxcls.engine.checkpoints.storage import locate, read_meta
from jaxcls.models import build_classifier
from jaxcls.tools.command_line import CommandLine, start

_META = ("epoch", "iter", "seed", "env_info", "config")


def export_checkpoint(checkpoint: str | os.PathLike, out: str | os.PathLike, to: str = "mmcls") -> Path:
    """Writes a checkpoint's weights and what the original notes beside them: `CLASSES`, `epoch`, `iter`, ….

    Args:
        checkpoint: a work directory (its best checkpoint, else its newest) or one checkpoint.
        out: the file, .pth, .pt or .safetensors.
        to: whose names and layouts: `mmcls`, `torchvision`, `timm` or `transformers`, as far as they have the model.

    Returns:
        the file.

    Raises:
        UserError: there is no checkpoint, or no such names for this model.
    """
    workdir, folder = locate(checkpoint)
    classifier = build_classifier(load_config(workdir / "config.json").model)
    state_dict = rename_back(classifier, export_state_dict(classifier, read_variables(folder)[0]), to)
    return write_file(out, state_dict, _meta(read_meta(folder)))


def _meta(saved: dict[str, Any]) -> dict[str, Any]:
    classes = saved.get("classes") or saved.get("CLASSES")
    return {
        **{key: saved[key] for key in _META if key in saved},
        **({"CLASSES": list(classes)} if classes else {}),
    }


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    parser = CommandLine(__doc__, "export_checkpoint")
    parser.add_argument("checkpoint", metavar="WORKDIR", help="a work directory, or one checkpoint in it")
    parser.add_argument("--out", required=True, help="the file: .pth, .pt or .safetensors")
    parser.add_argument("--to", default="mmcls", help="whose names: mmcls, torchvision, timm, transformers")
    print(export_checkpoint(**parser.options(arguments)))


if __name__ == "__main__":
    start(main)
