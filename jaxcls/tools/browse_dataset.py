"""Shows what becomes of a dataset's images on the way to the network.

    python -m jaxcls.tools.browse_dataset --config=configs/resnet.py:cifar10 --number=4 --out=browse.png
    python -m jaxcls.tools.browse_dataset --config=configs/swin.py:swin_tiny --mode=transformed --number=20 --mixed

A row an image. `pipeline`: the original and each step side by side; `concat`: the original and the last; or one
of `original` and `transformed` alone. Random steps are drawn anew for each image, by --seed. --mixed adds what Mixup,
CutMix and their like make of these images as one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcls.config import complete
from jaxcls.data.batch_augment import build_batch_augments, soft_labels
from jaxcls.data.dataset import Dataset
from jaxcls.data.transforms import LoadImageFromFile
from jaxcls.errors import UserError
from jaxcls.tools.command_line import CommandLine, positive, seed_number, start
from jaxcls.tools.verify_dataset import dataset_of
from jaxcls.visualization.ranked import pixels
from jaxcls.visualization.sheets import Tile, sheet, sheet_file

MODES = ("pipeline", "concat", "original", "transformed")
_COLUMNS = 5  # where a row is not an image's


def steps_of(dataset: Dataset, index: int, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """The name and the result, uint8 (H, W, C), of each step that the host and the device take; the original first."""
    sample = dataset.source[index]
    yield "original", pixels(sample)
    for transform in dataset.transforms:
        sample = transform(sample, rng)
        if not isinstance(transform, LoadImageFromFile):
            yield type(transform).__name__, _shown(sample["image"])
    for step in dataset.random_on_device:
        key = jax.random.key(int(rng.integers(2**31)))
        sample = {**sample, "image": np.asarray(step.augment_images(key, jnp.asarray(sample["image"])[None]))[0]}
        yield type(step).__name__, _shown(sample["image"])


def _shown(image: Any) -> np.ndarray:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def mixed(images: np.ndarray, labels: np.ndarray, augments: Any, classes: Sequence[str], seed: int) -> list[Tile]:
    """What the batch augmentations of a model make of a batch, with the shares of the classes.

    Args:
        images: uint8 (N, H, W, C).
        labels: (N,) or (N, K).
        augments: configs.
        classes: K names.
        seed: of the mixing.
    """
    augment = build_batch_augments(augments, len(classes), "model.train_cfg.augments")
    soft = soft_labels(jnp.asarray(labels), num_classes=len(classes))
    made, shares = augment(jax.random.key(seed), jnp.asarray(images, jnp.float32), soft)
    return [Tile(_shown(image), ["mixed", _shares(row, classes)]) for image, row in zip(made, shares, strict=True)]


def _shares(row: Any, classes: Sequence[str]) -> str:
    order = np.argsort(-np.asarray(row), kind="stable")
    return ", ".join(f"{classes[k]} {float(row[k]):.2f}" for k in order[:3] if row[k] > 0.005)


def rows_of(
    dataset: Dataset, indices: Sequence[int], mode: str = "pipeline", augments: Any = None, seed: int = 0
) -> list[list[Tile]]:
    """The rows of the sheet.

    Args:
        dataset: whose images.
        indices: which.
        mode: of `MODES`.
        augments: of the model, None: nothing is mixed.
        seed: of all randomness.
    """
    rows, last = [], []
    for index in indices:
        steps = list(steps_of(dataset, index, np.random.default_rng((seed, index))))
        label = np.asarray(dataset.labels[index])
        names = ", ".join(dataset.classes[k] for k in (np.flatnonzero(label > 0) if label.ndim else [int(label)]))
        chosen = {"pipeline": steps, "concat": [steps[0], steps[-1]], "original": steps[:1], "transformed": steps[-1:]}
        rows.append([Tile(image, [name, f"{names} ({index})"]) for name, image in chosen[mode]])
        last.append(steps[-1][1])
    if augments:
        if len({image.shape for image in last}) > 1:
            raise UserError("--mixed: the images have different sizes after the pipeline, and make no batch")
        tiles = mixed(np.stack(last), dataset.labels[list(indices)], augments, dataset.classes, seed)
        rows = [[*row, tile] for row, tile in zip(rows, tiles, strict=True)]
    if all(len(row) == 1 for row in rows):
        tiles = [tile for row in rows for tile in row]
        rows = [tiles[first : first + _COLUMNS] for first in range(0, len(tiles), _COLUMNS)]
    return rows


def browse_dataset(
    config: Mapping[str, Any],
    split: str = "train",
    mode: str = "pipeline",
    number: int = 5,
    seed: int = 0,
    with_mixing: bool = False,
) -> Any:
    """The sheet of some of a config's images, drawn at random.

    Raises:
        UserError: there is no such data, or nothing that mixes.
    """
    dataset = dataset_of(config, split)
    augments = None
    if with_mixing:
        augments = (complete(config)["model"].get("train_cfg") or {}).get("augments")
        if not augments:
            raise UserError("--mixed: the config has no model.train_cfg.augments")
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:number]
    return sheet(rows_of(dataset, chosen.tolist(), mode, augments, seed))


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "browse_dataset")
    line.add_config()
    line.add_argument("--split", default="train", help="train, val or test; default: train")
    line.add_argument("--mode", default="pipeline", choices=MODES, help="what to show; default: pipeline")
    line.add_argument("--number", type=positive, default=5, help="images; default: 5")
    line.add_argument("--seed", type=seed_number, default=0, help="of the choice and of random steps; default: 0")
    line.add_argument("--mixed", action="store_true", help="what Mixup and its like make of them, too")
    line.add_argument("--out", default="browse.png", help="the sheet: .png or .jpg")
    options = line.options(arguments)
    out = sheet_file(options.pop("out"))
    mixing = options.pop("mixed")
    browse_dataset(**options, with_mixing=mixing).save(out)
    print(out)


if __name__ == "__main__":
    start(main)
