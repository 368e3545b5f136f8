"""A training step of whole networks on a CPU: this package's, PyTorch's and Keras' on JAX.

    python benchmarks/models.py
    python benchmarks/models.py --models=LeNet-5,ResNet_CIFAR-18 --columns=jaxcls,PyTorch

Loss, gradients and SGD's update on one batch that is there already. `jaxcls` is `jaxcls.make_train_step` on one device,
started as train.py starts; `plain` is the same network with `lax.conv_general_dilated`, which is what `flax.linen.Conv`
calls, in place of `conv2d`. PyTorch (channels_last) and Keras on JAX are there where they can be imported, each as it
comes and with what jaxcls sets: memory in large pages, and for Keras XLA's options. Each column has a process of its
own. They take turns, and each round reverses their order, so that other load meets all of them; a turn is a step that
is not timed, as a pause slows it, and then those that are.
"""

import argparse
import importlib.util
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jaxcls
from jaxcls import cpu, zoo
from jaxcls.engine.compilation.flags import set_flags
from jaxcls.engine.step.parallel import Parallel
from jaxcls.models.layers import conv
from jaxcls.models.layers.conv2d import Window, dense

# name -> model of the zoo, images (N, H, W, C), steps of a turn that are timed as one
NETWORKS = {
    "MobileNetV2": ("mobilenet_v2", (8, 224, 224, 3), 2),
    "ConvNeXt-T": ("convnext_tiny", (8, 224, 224, 3), 2),
    "ResNet_CIFAR-18": ("resnet18_cifar10", (64, 32, 32, 3), 2),
    "LeNet-5": ("lenet5", (128, 32, 32, 1), 50),
    "ResNet-50": ("resnet50", (8, 224, 224, 3), 2),
    "ResNeXt-50": ("resnext50_32x4d", (8, 224, 224, 3), 2),
    "RegNetX-1.6GF": ("regnetx_1.6gf", (8, 224, 224, 3), 2),
    "ViT-S/16": ("deit_small", (8, 224, 224, 3), 2),
    "Swin-T": ("swin_tiny", (8, 224, 224, 3), 2),
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


class Column(NamedTuple):
    """How a column's step is made, of which package, and whether with large pages and the options that jaxcls sets."""

    build: Callable[[str], tuple[Step, int] | None]
    package: str = "jaxcls"
    as_jaxcls: bool = True


COLUMNS = {
    "plain": Column(plain_step),
    "jaxcls": Column(jaxcls_step),
    "PyTorch": Column(torch_step, "torch", as_jaxcls=False),
    "PyTorch + pages": Column(torch_step, "torch"),
    "Keras": Column(keras_step, "keras_hub", as_jaxcls=False),
    "Keras + options": Column(keras_step, "keras_hub"),
}


def serve(connection: Connection, name: str, column: str) -> None:
    """In a process of a column's own: tells the number of parameters, None without the network, then times steps."""
    if COLUMNS[column].as_jaxcls:
        set_flags()
    made = COLUMNS[column].build(name)
    connection.send(made and made[1])
    while connection.recv():
        made[0]()
        connection.send(milliseconds(made[0], NETWORKS[name][2]))


def milliseconds(step: Step, repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        step()
    return 1e3 * (time.perf_counter() - start) / repeat


def start(name: str, column: str) -> tuple[Connection, int | None]:
    """A column's process: what to ask it by (`serve`), and the number of parameters."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, name, column), daemon=True)
    pages = {"GLIBC_TUNABLES": f"{cpu.LARGE_PAGES}=1" if COLUMNS[column].as_jaxcls else ""}
    with mock.patch.dict(os.environ, pages):
        process.start()
    theirs.close()
    return ours, ours.recv()


def measure(name: str, rounds: int, columns: list[str]) -> dict[str, list[float]]:
    """Column -> milliseconds of each round; none where the package or the network is not there."""
    here = [column for column in columns if importlib.util.find_spec(COLUMNS[column].package)]
    started = {column: start(name, column) for column in here}
    sizes = {column: size for column, (_, size) in started.items() if size}
    assert len(set(sizes.values())) <= 1, f"{name}: not the same network, parameters: {sizes}"
    times: dict[str, list[float]] = {column: [] for column in COLUMNS}
    for number in range(-1, rounds):  # the first warms up
        for column in list(sizes)[:: -1 if number % 2 else 1]:
            connection, _ = started[column]
            connection.send(True)
            spent = connection.recv()
            if number >= 0:
                times[column].append(spent)
    for connection, _ in started.values():
        connection.send(False)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=lambda names: names.split(","), default=list(NETWORKS))
    parser.add_argument("--columns", type=lambda names: names.split(","), default=list(COLUMNS))
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, jax {jax.__version__}; ms a step, median of {args.rounds} (least)\n")
    print("| network | batch |", " | ".join(COLUMNS), "|\n|---|---|" + "--:|" * len(COLUMNS))
    for name in args.models:
        times = measure(name, args.rounds, args.columns)
        cells = [f"{statistics.median(t):.1f} ({min(t):.1f})" if t else "" for t in times.values()]
        count, height, width, _ = NETWORKS[name][1]
        print("|", " | ".join([name, f"{count} x {height} x {width}", *cells]), "|", flush=True)


if __name__ == "__main__":
    main()
