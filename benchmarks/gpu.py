"""Training and inference in bfloat16 on one GPU: this package, PyTorch's compiler on timm's networks, Flax's example.

    python -m benchmarks gpu
    python -m benchmarks gpu --networks=ViT-S/16 --columns=jaxcls --profile=FOLDER
    python -m benchmarks gpu --networks=ResNet-50 --columns=jaxcls --batch=2 --size=32 --steps=1   # on a CPU, to try it

A step of training is loss, gradients and SGD's update of float32 weights, on a batch that is on the device; inference
gives scores. Each cell has a process of its own, which compiles, warms up, and then times `--steps` steps at a time.
PyTorch's column is `torch.compile`, channels_last, autocast, fused SGD. The share is of the rate that a large product
of bfloat16 matrices reaches on the same device in the same run: multiply-adds of the network, counted three times where
it is trained. Dropout and stochastic depth are off in all of them.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# name -> (model of this zoo, model of timm)
NETWORKS = {
    "ResNet-50": ("resnet50", "resnet50"),
    "ConvNeXt-T": ("convnext_tiny", "convnext_tiny"),
    "ViT-S/16": ("deit_small", "vit_small_patch16_224"),
    "ViT-B/16": ("deit_base", "vit_base_patch16_224"),
    "Swin-T": ("swin_tiny", "swin_tiny_patch4_window7_224"),
    "EfficientNet-B0": ("efficientnet_b0", "efficientnet_b0"),
}
COLUMNS = ("jaxcls", "torch.compile", "Flax example")
KINDS = ("training", "inference")
SGD = {"lr": 1e-3, "momentum": 0.9}
Step = Callable[[], Any]  # starts one step, and gives what to wait for


def main() -> None:
    args = parse()
    if args.cell:
        print(json.dumps(cell(*args.cell, args)))
        return
    peak = in_process(args, "", "peak", "jaxcls")
    if "failed" in peak:
        sys.exit(peak["failed"])
    print(f"{peak['device']}; product of bfloat16 matrices: {peak['rate'] / 1e12:.2f} TFLOP/s")
    print(f"batch {args.batch} x {args.size} x {args.size}; median of {args.rounds}\n")
    print("| network | | | images/s | ms a step | of the peak | GiB | compiled in |")
    print("|---|---|---|--:|--:|--:|--:|--:|", flush=True)
    for network in args.networks:
        sizes: set[int] = set()
        for kind, column in itertools.product(args.kinds, args.columns):
            if column != "Flax example" or (network, kind) == ("ResNet-50", "training"):
                seen = in_process(args, network, kind, column)
                print(row(network, kind, column, seen, peak["rate"], args), flush=True)
                sizes |= {seen["parameters"]} if "parameters" in seen else set()
        if len(sizes) > 1:
            sys.exit(f"{network}: not the same network, parameters: {sorted(sizes)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", type=names(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--columns", type=names(COLUMNS), default=list(COLUMNS))
    parser.add_argument("--kinds", type=names(KINDS), default=list(KINDS))
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", type=Path, help="a folder for traces of this package's steps")
    parser.add_argument("--cell", nargs=3, metavar=("NETWORK", "KIND", "COLUMN"), help="one cell, in this process")
    return parser.parse_args()


def names(known: Any) -> Callable[[str], list[str]]:
    def split(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
        return text.split(",")

    return split


def in_process(args: argparse.Namespace, network: str, kind: str, column: str) -> dict[str, Any]:
    """The cell's measurements, or `failed`: the last line that its process wrote."""
    flags = [f"--{name}={getattr(args, name)}" for name in ("batch", "size", "steps", "rounds")]
    if args.profile and column == "jaxcls":
        flags.append(f"--profile={args.profile}")
    command = [sys.executable, "-m", "benchmarks", "gpu", *flags, "--cell", network, kind, column]
    run = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    if run.returncode:
        return {"failed": (run.stderr.strip().splitlines() or ["no message"])[-1]}
    return json.loads(run.stdout.strip().splitlines()[-1])


def row(network: str, kind: str, column: str, seen: dict[str, Any], peak: float, args: Any) -> str:
    if "failed" in seen:
        return f"| {network} | {kind} | {column} | {seen['failed']} |||||"
    step = statistics.median(seen["seconds"])
    work = 2 * args.batch * multiply_adds(network, args.size) * (3 if kind == "training" else 1)
    cells = f"{args.batch / step:.0f} | {1e3 * step:.1f} | {work / step / peak:.2f}"
    return f"| {network} | {kind} | {column} | {cells} | {seen['bytes'] / 2**30:.1f} | {seen['compiled']:.0f} s |"


def multiply_adds(network: str, size: int) -> int:
    """Of one image's forward pass."""
    import jax

    jax.config.update("jax_platforms", "cpu")  # the device is the cells'
    import jax_networks

    from jaxcls.inspect.summary import summarize

    return summarize(jax_networks.classifier(NETWORKS[network][0], size), (size, size, 3))[0].multiply_adds


def product_rate(side: int = 8192) -> dict[str, Any]:
    """Operations a second of a product of two square matrices of bfloat16, and what it ran on."""
    import jax
    import jax.numpy as jnp

    if jax.default_backend() == "cpu":
        side = 512
    a, b = jax.random.normal(jax.random.key(0), (2, side, side), jnp.bfloat16)
    product = jax.jit(jnp.matmul)
    seconds = [one_round(lambda: product(a, b), jax.block_until_ready, 10) for _ in range(6)]
    device = f"{jax.devices()[0].device_kind}, jax {jax.__version__}"
    return {"rate": 2 * side**3 / statistics.median(seconds[1:]), "device": device}


def cell(network: str, kind: str, column: str, args: argparse.Namespace) -> dict[str, Any]:
    """Seconds a step of each round and until the first one's end, peak memory in bytes, parameters."""
    if kind == "peak":
        return product_rate()
    start = time.perf_counter()
    ours, timms = NETWORKS[network]
    framework = importlib.import_module("torch_timm" if column == "torch.compile" else "jax_networks")
    model = (timms,) if column == "torch.compile" else (column, ours)
    step, count = framework.build(*model, kind, *data(args), SGD)
    framework.wait(step())
    compiled = time.perf_counter() - start
    for _ in range(3):
        framework.wait(step())
    seconds = [one_round(step, framework.wait, args.steps) for _ in range(args.rounds)]
    if args.profile and column == "jaxcls":
        import gpu_profile

        gpu_profile.write(step, framework.wait, args.profile / f"{network.replace('/', '-')}-{kind}")
    return {"seconds": seconds, "bytes": framework.peak_bytes(), "compiled": compiled, "parameters": count}


def data(args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.standard_normal((args.batch, args.size, args.size, 3), np.float32)
    return images, rng.integers(0, 1000, args.batch).astype(np.int32)


def one_round(step: Step, wait: Callable[[Any], None], steps: int) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        result = step()
    wait(result)
    return (time.perf_counter() - start) / steps


if __name__ == "__main__":
    main()
