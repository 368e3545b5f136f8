"""A hundred batches of photographs, byte for byte, however they are made."""

import hashlib

import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from jaxcls.data.pipeline import Loader, TrainBatches, build_dataset

PIPELINE = [
    {"type": "LoadImageFromFile"},
    {"type": "RandomResizedCrop", "size": 48},
    {"type": "RandomFlip"},
    {"type": "ColorJitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4},
    {
        "type": "RandAugment",
        "policies": "timm_increasing",
        "num_policies": 2,
        "magnitude_level": 9,
        "magnitude_std": 0.5,
        "total_level": 10,
    },
    {"type": "RandomErasing", "mode": "rand"},
]


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    """Of scikit-learn's two photographs, a class each, in tiles."""
    root = tmp_path_factory.mktemp("photographs")
    for name, pixels in zip(("temple", "flower"), load_sample_images().images, strict=True):
        (root / name).mkdir()
        for row in range(4):
            for column in range(6):
                tile = pixels[row * 100 : row * 100 + 120, column * 100 : column * 100 + 140]
                Image.fromarray(tile).save(root / name / f"{row}{column}.jpg", quality=90)
    dataset = build_dataset({"type": "CustomDataset", "data_prefix": str(root), "pipeline": PIPELINE})
    return TrainBatches(dataset, batch_size=10, seed=5)  # 5 batches an epoch


def digest(batch):
    return hashlib.sha256(batch["image"].tobytes() + batch["label"].tobytes()).hexdigest()


def digests(batches, start, stop, num_workers, worker_type="thread"):
    with Loader(batches, num_workers, worker_type=worker_type) as loader:
        return [digest(batch) for batch in loader.iterate(start, stop)]


@pytest.fixture(scope="module")
def expected(batches):
    return [digest(batches[step]) for step in range(100)]


def test_a_batch_is_a_function_of_its_number(batches, expected):
    assert len(set(expected)) == 100
    assert [digest(batches[step]) for step in reversed(range(100))] == expected[::-1]


@pytest.mark.parametrize(
    ("num_workers", "worker_type"),
    [
        (0, "thread"),
        (2, "thread"),
        (4, "thread"),
        (2, "process"),
        pytest.param(4, "process", marks=pytest.mark.slow),
    ],
)
def test_neither_workers_nor_resuming_change_a_byte(batches, expected, num_workers, worker_type):
    assert digests(batches, 0, 100, num_workers, worker_type) == expected
    assert digests(batches, 50, 100, num_workers, worker_type) == expected[50:]
