"""Lists a network's layers: shapes, parameters, multiply-adds, memory of the activations.

    python -m jaxcls.tools.model_summary --model=resnet50
    python -m jaxcls.tools.model_summary --config=configs/swin.py:swin_tiny --shape 224 224 --depth=4 --out=swin.csv

Nothing is computed, and no data is read where --shape gives the size of images. Numbers are for one image;
multiply-adds are those of convolutions and matrix products, as papers count them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from jaxcls import zoo
from jaxcls.config import complete
from jaxcls.engine.description import describe_from_data
from jaxcls.errors import UserError
from jaxcls.inspect.summary import Layer, summarize
from jaxcls.models import build_classifier
from jaxcls.paths import output_file
from jaxcls.tools.command_line import CommandLine, positive, start

COLUMNS = ("layer", "kind", "output", "parameters", "multiply-adds", "activations")
_MIB = 2**20


def summary_of(
    model: str | None = None,
    config: Mapping[str, Any] | None = None,
    shape: Sequence[int] | None = None,
    dtype: str = "float32",
) -> list[Layer]:
    """The layers of a named model, or of a config's.

    Args:
        model: one of the zoo's names.
        config: what a `get_config` gives, where there is no `model`.
        shape: (H, W), (H, W, C) or one number; None: that of the published weights, or of the config's data.
        dtype: of images and parameters.

    Raises:
        UserError: neither or both are given, or the network does not take such images.
    """
    if (model is None) == (config is None):
        raise UserError("expected either --model=NAME or --config=FILE")
    if model is not None:
        entry = zoo.find(model)
        own = (entry.preprocessing.size,) * 2
        node: Mapping[str, Any] = zoo.model_config(model, len(entry.class_names))
    else:
        assert config is not None
        config = complete(config)
        node, own = config["model"], () if shape else tuple(describe_from_data(config)["image_shape"])
    classifier = build_classifier(node)
    channels = own[2] if len(own) == 3 else classifier.backbone.__dict__.get("in_channels", 3)
    height, width, *given = own if not shape else (tuple(shape) * 2)[:2] if len(shape) == 1 else shape
    return summarize(classifier, (height, width, *(given or [channels])), jnp.dtype(dtype))


def table(layers: Sequence[Layer], depth: int) -> Table:
    """The layers down to a depth, for a terminal."""
    made = Table(*COLUMNS[:2], box=None, pad_edge=False)
    for column in COLUMNS[2:]:
        made.add_column(column, justify="right")
    for layer in layers:
        if len(layer.path) <= depth:
            made.add_row(*_row(layer))
    return made


def _row(layer: Layer) -> list[str]:
    name = f"{'  ' * (len(layer.path) - 1)}{layer.path[-1]}" if layer.path else "(all)"
    shapes = [" x ".join(map(str, shape[1:])) for shape in layer.output]
    output = ", ".join(shapes[-2:]) if len(shapes) < 3 else f"{shapes[-1]} and {len(shapes) - 1} more"
    return [name, layer.kind, output, *_numbers(layer)]


def _numbers(layer: Layer) -> list[str]:
    return [f"{layer.params:,}", f"{layer.multiply_adds / 1e6:,.2f} M", f"{layer.activations / _MIB:,.2f} MiB"]


def totals(layers: Sequence[Layer]) -> str:
    """The sums, a line each."""
    whole = layers[0]
    frozen = whole.params - whole.trainable
    return "\n".join(
        (
            f"parameters: {whole.params:,}"
            + (f", {frozen:,} of them frozen" if frozen else "")
            + (f", and {whole.buffers:,} running statistics" if whole.buffers else ""),
            f"multiply-adds: {whole.multiply_adds:,} ({whole.multiply_adds / 1e9:.3f} G)",
            f"activations: {whole.activations / _MIB:,.1f} MiB an image",
        )
    )


def write_csv(layers: Sequence[Layer], path: Path) -> None:
    """Writes all layers, a row each, with plain numbers."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, "trainable", "running statistics"))
        for one in layers:
            shapes = " ".join("x".join(map(str, shape)) for shape in one.output)
            numbers = (one.params, one.multiply_adds, one.activations, one.trainable, one.buffers)
            writer.writerow((".".join(one.path), one.kind, shapes, *numbers))


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "model_summary")
    line.add_config(required=False)
    line.add_argument("--model", metavar="NAME", help="one of the zoo's, in place of --config")
    line.add_argument("--shape", type=positive, nargs="+", metavar="N", help="of images: H W, H W C, or one side")
    line.add_argument("--depth", type=positive, default=3, help="how deep the printed table goes; default: 3")
    line.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"), help="of all arrays")
    line.add_argument("--out", metavar="FILE.csv", help="all layers, with plain numbers")
    options = line.options(arguments)
    out = output_file(options["out"], "--out") if options["out"] else None
    if options["shape"] and len(options["shape"]) > 3:
        raise UserError(f"--shape: {options['shape']}; expected H W, H W C, or one side")
    layers = summary_of(options["model"], options["config"], options["shape"], options["dtype"])
    Console(width=None if Console().is_terminal else 120).print(table(layers, options["depth"]))
    print(totals(layers))
    if out:
        write_csv(layers, out)


if __name__ == "__main__":
    start(main)
