"""Steps of timm's networks under torch.compile for benchmarks/gpu.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import timm
import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
torch.backends.cudnn.benchmark = True
torch.set_float32_matmul_precision("high")


def wait(_: Any) -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def peak_bytes() -> int:
    return torch.cuda.max_memory_allocated() if DEVICE == "cuda" else 0


def build(
    model: str, kind: str, images: np.ndarray, labels: np.ndarray, sgd: Mapping[str, float]
) -> tuple[Callable[[], Any], int]:
    """A function that starts a step, and the parameters' number."""
    size = {"img_size": images.shape[1]} if model.startswith(("vit", "swin")) else {}
    network = timm.create_model(model, **size).to(DEVICE, memory_format=torch.channels_last)
    count = sum(parameter.numel() for parameter in network.parameters())
    x = torch.from_numpy(images.transpose(0, 3, 1, 2)).to(DEVICE).contiguous(memory_format=torch.channels_last)
    y, loss_fn = torch.from_numpy(labels.astype(np.int64)).to(DEVICE), torch.nn.CrossEntropyLoss()
    precision = torch.autocast(DEVICE, torch.bfloat16)
    if kind == "inference":
        network = torch.compile(network.eval())

        @torch.inference_mode()
        def scores() -> Any:
            with precision:
                return network(x).float().softmax(1)

        return scores, count
    optimizer = torch.optim.SGD(network.parameters(), **sgd, fused=True)
    network = torch.compile(network.train())

    def step() -> Any:
        optimizer.zero_grad(set_to_none=True)
        with precision:
            loss = loss_fn(network(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, count
