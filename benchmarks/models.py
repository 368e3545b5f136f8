"""A training step of whole networks on a CPU: Flax's plain convolution, this package's, PyTorch's and Keras'.

    python benchmarks/models.py
    python benchmarks/models.py --models=LeNet-5,ResNet_CIFAR-18 --columns=conv2d,PyTorch

Loss, gradients and SGD's update by `jaxcls.make_train_step` on one device, on a batch that is there already. The plain
column is the same network with `lax.conv_general_dilated`, which is what `flax.linen.Conv` calls, in place of
`conv2d`. PyTorch's column (channels_last) is there where torch can be imported, that of Keras on JAX where keras and
keras-hub can. The columns take turns, and each round reverses their order, so that other load meets all of them. Keras
alone, `--columns=Keras`, runs as it comes; beside others it has the options of XLA that jaxcls sets.
"""

import argparse
import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jaxcls
from jaxcls import zoo
from jaxcls.engine.compilation.flags import set_flags
from jaxcls.engine.step.parallel import Parallel
from jaxcls.models.layers import conv
from jaxcls.models.layers.conv2d import Window, dense

# name -> model of the zoo, images (N, H, W, C), steps that are timed as one
NETWORKS = {
    "MobileNetV2": ("mobilenet_v2", (8, 224, 224, 3), 1),
    "ConvNeXt-T": ("convnext_tiny", (8, 224, 224, 3), 1),
    "ResNet_CIFAR-18": ("resnet18_cifar10", (64, 32, 32, 3), 1),
    "LeNet-5": ("lenet5", (128, 32, 32, 1), 50),
    "ResNet-50": ("resnet50", (8, 224, 224, 3), 1),
    "ResNeXt-50": ("resnext50_32x4d", (8, 224, 224, 3), 1),
    "RegNetX-1.6GF": ("regnetx_1.6gf", (8, 224, 224, 3), 1),
    "ViT-S/16": ("deit_small", (8, 224, 224, 3), 1),
    "Swin-T": ("swin_tiny", (8, 224, 224, 3), 1),
}
SGD = {"lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-4}
Step = Callable[[], None]


def plain(x: jax.Array, kernel: jax.Array, stride: tuple, padding: tuple, dilation: tuple, groups: int) -> jax.Array:
    return dense(x, kernel, Window(stride, padding, dilation), groups)


def data(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal(shape, np.float32), rng.integers(0, 10, shape[0]).astype(np.int32)


def jaxcls_step(name: str) -> tuple[Step, int]:
    """A function that takes one step, and the parameters' number."""
    model, shape, _ = NETWORKS[name]
    classifier, parallel = jaxcls.build_classifier(zoo.model_config(model)), Parallel(devices=jax.devices()[:1])
    images, labels = data(shape)
    variables = jax.jit(classifier.init)(jax.random.key(0), jnp.zeros((1, *shape[1:])))
    tx = jaxcls.build_optimizer({"type": "SGD", **SGD}, variables["params"])
    train_step = jaxcls.make_train_step(classifier, tx, parallel=parallel)
    state = jaxcls.create_train_state(variables, tx)
    batch, key = parallel.place_batch({"image": images, "label": labels}), jax.random.key(1)

    def step() -> None:
        nonlocal state
        state, log_vars = train_step(state, batch, key)
        jax.block_until_ready((state, log_vars))

    step()
    return step, sum(leaf.size for leaf in jax.tree.leaves(state.params))


def torch_step(name: str) -> tuple[Step, int]:
    import torch
    import torch_networks

    images, labels = data(NETWORKS[name][1])
    batch = torch.from_numpy(images.transpose(0, 3, 1, 2)), torch.from_numpy(labels.astype(np.int64))
    return torch_networks.train_step(name, *batch, lambda parameters: torch.optim.SGD(parameters, **SGD))


def plain_step(name: str) -> tuple[Step, int]:
    with mock.patch.object(conv, "conv2d", plain):
        return jaxcls_step(name)


def keras_step(name: str) -> tuple[Step, int] | None:
    import keras_networks

    if name in keras_networks.NETWORKS:
        return keras_networks.train_step(name, *data(NETWORKS[name][1]), SGD)
    return None


COLUMNS = {"plain": plain_step, "conv2d": jaxcls_step, "PyTorch": torch_step, "Keras": keras_step}
NEEDS = {"PyTorch": "torch", "Keras": "keras_hub"}


def build(name: str, columns: list[str]) -> dict[str, Step]:
    """The columns' steps, compiled; those whose package is not here, or that lack the network, are left out."""
    here = [column for column in columns if importlib.util.find_spec(NEEDS.get(column, "jaxcls"))]
    made = {column: step for column in here if (step := COLUMNS[column](name))}
    sizes = {column: size for column, (_, size) in made.items()}
    assert len(set(sizes.values())) <= 1, f"{name}: not the same network, parameters: {sizes}"
    return {column: step for column, (step, _) in made.items()}


def milliseconds(step: Step, repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        step()
    return 1e3 * (time.perf_counter() - start) / repeat


def measure(name: str, rounds: int, columns: list[str]) -> dict[str, list[float]]:
    steps, times = build(name, columns), {column: [] for column in COLUMNS}
    for number in range(-1, rounds):  # the first warms up
        for column in list(steps)[:: -1 if number % 2 else 1]:
            spent = milliseconds(steps[column], NETWORKS[name][2])
            if number >= 0:
                times[column].append(spent)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=lambda names: names.split(","), default=list(NETWORKS))
    parser.add_argument("--columns", type=lambda names: names.split(","), default=list(COLUMNS))
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    if args.columns != ["Keras"]:
        set_flags()  # as train.py does
    cores = len(os.sched_getaffinity(0))
    print(
        f"{jax.default_backend()}, {cores} cores, jax {jax.__version__}; ms a step, median of {args.rounds} (least)\n"
    )
    print("| network | batch | plain | conv2d | plain / conv2d | PyTorch | Keras |\n|---|---|--:|--:|--:|--:|--:|")
    for name in args.models:
        times = measure(name, args.rounds, args.columns)
        cells = [f"{statistics.median(t):.1f} ({min(t):.1f})" if t else "" for t in times.values()]
        before, after = times["plain"], times["conv2d"]
        ratio = ""
        if before and after:
            ratio = f"{statistics.median(before) / statistics.median(after):.2f} ({min(before) / min(after):.2f})"
        count, height, width, _ = NETWORKS[name][1]
        batch = f"{count} x {height} x {width}"
        print("|", " | ".join([name, batch, *cells[:2], ratio, *cells[2:]]), "|", flush=True)


if __name__ == "__main__":
    main()
