"""Measures how fast a network is: images a second, latencies, compile time and memory.

    python -m jaxcls.tools.benchmark --ckpt=work_dirs/resnet --batch_size 1 8 32
    python -m jaxcls.tools.benchmark --model=resnet50 --batch_size 8 --training --dtype=bfloat16 --out=speed.json

Random images, one device, each run waited for. --training adds forward and backward pass. Memory is what the compiler
plans: arguments, results and temporary values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

from jaxcls.engine import compilation
from jaxcls.errors import UserError
from jaxcls.inference import Model, find_model, get_model
from jaxcls.inspect.speed import PERCENTILES, Speed, measure
from jaxcls.paths import output_file
from jaxcls.tools.command_line import CommandLine, positive, start

_MIB = 2**20


def benchmark(
    model: Model,
    batch_sizes: Sequence[int] = (1, 32),
    training: bool = False,
    dtype: str = "float32",
    repeats: int = 30,
    deployed: bool = False,
) -> list[Speed]:
    """The speeds of a model at each batch size.

    Args:
        model: what `init_model` gives.
        batch_sizes: N each.
        training: the gradient, too.
        dtype: of images and parameters.
        repeats: runs that count.
        deployed: whether the model is in its form for inference, which does not train.

    Raises:
        UserError: a deployed model is to be trained, or memory does not suffice.
    """
    if training and deployed:
        raise UserError("--training: a deployed model is for inference alone")
    kinds = (False, True) if training else (False,)
    return [
        measure(model.classifier, model.variables, model.image_shape, size, kind, repeats, dtype=jnp.dtype(dtype))
        for kind in kinds
        for size in batch_sizes
    ]


def table(speeds: Sequence[Speed]) -> Table:
    """The speeds for a terminal."""
    made = Table("what", box=None, pad_edge=False)
    latencies = [f"p{rank} ms" for rank in PERCENTILES]
    for column in ("batch", "images/s", *latencies, "compile s", "memory MiB"):
        made.add_column(column, justify="right")
    for speed in speeds:
        times = [f"{speed.latency[f'p{rank}']:.2f}" for rank in PERCENTILES]
        memory = "" if speed.memory is None else f"{speed.memory / _MIB:,.1f}"
        rate = f"{speed.images_per_second:,.1f}"
        made.add_row(speed.what, str(speed.batch_size), rate, *times, f"{speed.compile_seconds:.1f}", memory)
    return made


def _model_of(ckpt: str | None, name: str | None, config: Mapping[str, Any] | None, deploy: bool) -> Model:
    if (ckpt is None) == (name is None):
        raise UserError("expected either --ckpt=WORKDIR or --model=NAME")
    if name is not None:
        return get_model(name, False, deploy)
    assert ckpt is not None
    return find_model(ckpt, config, deploy)


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "benchmark")
    line.add_argument("--ckpt", help="a work directory, a checkpoint, a file of weights")
    line.add_config("The network of a file of weights", required=False)
    line.add_argument("--model", metavar="NAME", help="one of the zoo's, with initial weights, in place of --ckpt")
    line.add_argument("--batch_size", type=positive, nargs="+", default=[1, 32], help="default: 1 32")
    line.add_argument("--training", action="store_true", help="forward and backward pass, too")
    line.add_argument("--deploy", action="store_true", help="branches merged and BatchNorm folded")
    line.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"), help="of all arrays")
    line.add_argument("--repeats", type=positive, default=30, help="runs that count; default: 30")
    line.add_argument("--out", metavar="FILE.json", help="the numbers")
    options = line.options(arguments)
    out = output_file(options["out"], "--out") if options["out"] else None
    compilation.prepare()
    model = _model_of(options["ckpt"], options["model"], options["config"], options["deploy"])
    speeds = benchmark(
        model,
        options["batch_size"],
        options["training"],
        options["dtype"],
        options["repeats"],
        options["deploy"],
    )
    device = jax.local_devices()[0].device_kind
    print(f"{type(model.classifier.backbone).__name__}, images {model.image_shape}, {options['dtype']}, {device}")
    Console(width=None if Console().is_terminal else 120).print(table(speeds))
    if out:
        out.write_text(json.dumps({"device": device, "speeds": [speed.as_json() for speed in speeds]}, indent=2) + "\n")


if __name__ == "__main__":
    start(main)
