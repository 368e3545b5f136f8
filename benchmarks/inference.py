"""Scores of ResNet-18 on a CPU, against PyTorch eager with the same weights.

    python benchmarks/inference.py
    python benchmarks/inference.py --batch=32 --size=224 --rounds=10

By `make_eval_step`, as `evaluate.py`, `inference_model` and `predict` compute them, on uint8 images that are there
already; PyTorch's images are normalised already. The scores are compared first. The columns take turns, and each round
reverses their order, so that other load meets all of them.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch_networks

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import jax

import jaxcls
from jaxcls.convert import export_state_dict
from jaxcls.inference import Model

Scores = Callable[[], np.ndarray]


def steps(batch_size: int, size: int) -> dict[str, Scores]:
    """The columns, compiled."""
    images = np.random.default_rng(0).integers(0, 256, (batch_size, size, size, 3), np.uint8)
    plain = jaxcls.get_model("resnet18")
    state_dict = export_state_dict(plain.classifier, jax.device_get(plain.variables))
    made = {
        "jaxcls": jaxcls_scores(plain, images),
        "jaxcls, deployed": jaxcls_scores(jaxcls.get_model("resnet18", deploy=True), images),
    }
    normalised = torch.from_numpy(np.array(plain.preprocess.on_device(images))).permute(0, 3, 1, 2)
    for name, form in (("PyTorch", torch.contiguous_format), ("PyTorch, channels last", torch.channels_last)):
        made[name] = torch_networks.resnet18_scores(state_dict, normalised, form)
    expected = np.asarray(made["PyTorch"]())
    for name, scores in made.items():
        assert np.abs(np.asarray(scores()) - expected).max() < 1e-5, name
    return made


def jaxcls_scores(model: Model, images: np.ndarray) -> Scores:
    step, parallel = model.network.make_eval_step(model.preprocess.on_device), model.network.parallel
    labels, mask = np.zeros(len(images), np.int32), np.ones(len(images), np.float32)
    batch = parallel.place_batch({"image": images, "label": labels, "mask": mask})
    variables = parallel.place_state(model.variables)
    return lambda: parallel.local_rows(step(variables, batch)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    made, cores = steps(args.batch, args.size), len(os.sched_getaffinity(0))
    times: dict[str, list[float]] = {name: [] for name in made}
    for number in range(args.rounds):
        for name in list(made)[:: -1 if number % 2 else 1]:
            start = time.perf_counter()
            made[name]()
            times[name].append(time.perf_counter() - start)
    print(f"{jax.default_backend()}, {cores} cores, jax {jax.__version__}, PyTorch {torch.__version__}")
    print(f"ResNet-18, batch {args.batch} x {args.size} x {args.size}; median of {args.rounds} (least)\n")
    print("| | ms a batch | images/s |\n|---|--:|--:|")
    for name, spent in times.items():
        median, least = statistics.median(spent), min(spent)
        speeds = f"{args.batch / median:.1f} ({args.batch / least:.1f})"
        print(f"| {name} | {1e3 * median:.0f} ({1e3 * least:.0f}) | {speeds} |")


if __name__ == "__main__":
    main()
