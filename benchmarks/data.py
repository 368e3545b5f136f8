"""Images a second that two workers make: `python benchmarks/data.py`, after `pip install scikit-image`.

1,000 JPEGs of about 500 x 400 pixels, quality 90, cut from the photographs that scikit-image and scikit-learn ship;
RandomResizedCrop 224 and RandomFlip, batches of 64. This pipeline beside the same in Pillow threads and, where torch
can be imported, a PyTorch DataLoader with the original's OpenCV transforms, which also normalises on the host.
"""

import argparse
import importlib.util
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from jaxcls.data.pipeline import Loader, TrainBatches, build_dataset
from jaxcls.data.sources import CustomDataset
from jaxcls.data.transforms import Normalize, RandomFlip, RandomResizedCrop
from jaxcls.tools.pack import pack

BATCH, WARM_UP, WORKERS, SIZE = 64, 6, 2, 224
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "motorcycle_left", "hubble_deep_field", "ihc")
NORMALIZE = Normalize((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def photographs() -> list[np.ndarray]:
    """RGB images of at least 320 pixels a side."""
    import skimage
    from sklearn.datasets import load_sample_images

    files = [path for path in (Path(skimage.__file__).parent / "data").iterdir() if path.stem in PHOTOGRAPHS]
    shipped = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in sorted(files)]
    return [*load_sample_images().images, *(image for image in shipped if min(image.shape[:2]) >= 290)]


def make_jpegs(folder: Path, count: int) -> None:
    rng, sources = np.random.default_rng(0), photographs()
    for i in range(count):
        image = sources[i % len(sources)]
        scale = max(500 / image.shape[1], 400 / image.shape[0]) * rng.uniform(1.0, 1.3)
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = (int(side * rng.uniform(0.9, 1.0)) for side in (400, 500))
        top, left = (int(rng.integers(a - b + 1)) for a, b in zip(image.shape, (height, width), strict=False))
        path = folder / f"class_{i % 10}" / f"{i:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        part = cv2.cvtColor(image[top : top + height, left : left + width], cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(path), part, [cv2.IMWRITE_JPEG_QUALITY, 90])


def ours(node: dict, num_workers: int = WORKERS, worker_type: str = "thread") -> Callable[[], Iterator[object]]:
    def batches() -> Iterator[object]:
        crop = [{"type": "RandomResizedCrop", "size": SIZE}, {"type": "RandomFlip"}]
        dataset = build_dataset({**node, "pipeline": [*node.get("pipeline", ()), *crop]})
        with Loader(TrainBatches(dataset, BATCH, seed=0), num_workers, worker_type=worker_type) as loader:
            yield from loader.iterate()

    return batches


def pillow_threads(folder: Path) -> Iterator[object]:
    source, crop = CustomDataset(str(folder)), RandomResizedCrop(SIZE)

    def sample(step: int) -> np.ndarray:
        rng = np.random.default_rng(step)
        image = Image.open(source.path(int(rng.integers(len(source))))).convert("RGB")
        top, left, height, width = crop._box(np.empty((*image.size[::-1], 0)), rng)
        box = (left, top, left + width, top + height)
        image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR, box)
        return np.asarray(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image)

    def batch(step: int) -> np.ndarray:
        return np.stack([sample(step * BATCH + row) for row in range(BATCH)])

    with ThreadPoolExecutor(WORKERS) as threads:
        pending = [threads.submit(batch, step) for step in range(2 * WORKERS)]
        for step in range(2 * WORKERS, 10**9):
            yield pending.pop(0).result()
            pending.append(threads.submit(batch, step))


def torch_loader(folder: Path) -> Iterator[object]:
    import torch

    source, crop, flip = CustomDataset(str(folder)), RandomResizedCrop(SIZE), RandomFlip()
    mean, scale = np.float64(NORMALIZE.mean).reshape(1, -1), 1 / np.float64(NORMALIZE.std).reshape(1, -1)

    class Images(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 10**6

        def __getitem__(self, index: int) -> torch.Tensor:
            rng = np.random.default_rng(index)
            image = cv2.imdecode(np.fromfile(source.path(index % len(source)), np.uint8), cv2.IMREAD_COLOR)
            image = flip.transform(crop.transform(image, rng), rng).astype(np.float32)
            cv2.cvtColor(image, cv2.COLOR_BGR2RGB, image)
            cv2.subtract(image, mean, image)
            cv2.multiply(image, scale, image)
            return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))

    def start_worker(_: int) -> None:
        cv2.setNumThreads(0)

    yield from torch.utils.data.DataLoader(
        Images(), BATCH, shuffle=True, num_workers=WORKERS, worker_init_fn=start_worker
    )


def cpu_seconds() -> float:
    """Of this process and its children, so far (Linux)."""
    processes = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in processes]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


def measure(batches: Callable[[], Iterator[object]], steps: int) -> tuple[float, float]:
    """Images a second, and milliseconds of CPU an image, of `steps` batches after the first few."""
    iterator = batches()
    for _ in islice(iterator, WARM_UP):
        pass
    start, cpu_start = time.perf_counter(), cpu_seconds()
    for _ in islice(iterator, steps):
        pass
    images = steps * BATCH
    rate, cost = images / (time.perf_counter() - start), 1e3 * (cpu_seconds() - cpu_start) / images
    iterator.close()  # type: ignore[attr-defined]
    return rate, cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "images"
        make_jpegs(folder, options.images)
        pack({"train": CustomDataset(str(folder))}, "packed", root, short_side=256)
        files = {"type": "CustomDataset", "data_prefix": str(folder), "pipeline": [{"type": "LoadImageFromFile"}]}
        scaled = {**files, "pipeline": [{"type": "LoadImageFromFile", "min_side": 160}]}
        packed = {"type": "TFDS", "name": "packed", "split": "train", "data_dir": root}
        rows: dict[str, Callable[[], Iterator[object]]] = {
            "jaxcls, no worker": ours(files, num_workers=0),
            "jaxcls, 2 threads": ours(files),
            "jaxcls, 2 processes": ours(files, worker_type="process"),
            "jaxcls, 2 threads, scaled decoding (min_side=160)": ours(scaled),
            "jaxcls, 2 threads, packed at shorter side 256": ours(packed),
            "Pillow, 2 threads": lambda: pillow_threads(folder),
        }
        if importlib.util.find_spec("torch"):
            rows["PyTorch DataLoader, 2 processes, OpenCV"] = lambda: torch_loader(folder)
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
        for _ in range(options.rounds):  # in turn, so that other load meets all of them
            for name, batches in rows.items():
                measured[name].append(measure(batches, options.steps))
        print(f"| {'':50s} | images/s, median | best | CPU ms/image |\n|{'-' * 52}|---:|---:|---:|")
        for name, pairs in measured.items():
            rates, costs = zip(*pairs, strict=True)
            median, cost = statistics.median(rates), statistics.median(costs)
            print(f"| {name:50s} | {median:6.0f} | {max(rates):6.0f} | {cost:5.2f} |")


if __name__ == "__main__":
    main()
