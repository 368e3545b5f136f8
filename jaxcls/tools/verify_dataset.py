"""Finds all missing and damaged images of a dataset.

    python -m jaxcls.tools.verify_dataset --config=configs/resnet.py:imagenet2012 --split=train --out=broken.txt

Prints one line for each, and how many classes and images there are. The exit status is 1 where there are any.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.progress import track

from jaxcls.builder import plain
from jaxcls.config.schema import SOURCE
from jaxcls.data.decode import DamagedImageError
from jaxcls.data.pipeline import Dataset, build_dataset
from jaxcls.data.report import class_report
from jaxcls.data.sources.base import Source
from jaxcls.data.transforms import LoadImageFromFile
from jaxcls.errors import UserError, close_names, refuse
from jaxcls.paths import output_file
from jaxcls.tools.command_line import CommandLine, positive, start


def damaged_images(source: Source, num_workers: int = 4, progress: bool = False) -> Iterator[str]:
    """A message for each image that cannot be read; all of them are decoded.

    Args:
        source: of image files or of anything else.
        num_workers: threads.
        progress: draw a progress bar on standard error.
    """
    load = LoadImageFromFile()

    def check(index: int) -> str | None:
        try:
            sample = source[index]
            if "image" not in sample:
                load(sample, np.random.default_rng(0))
        except DamagedImageError as error:
            return str(error)
        return None

    cv2.setNumThreads(0)  # OpenCV's own threads would compete with the workers
    with ThreadPoolExecutor(num_workers) as threads:
        results = threads.map(check, range(len(source)))
        console = Console(stderr=True)
        for message in track(results, "verifying", len(source), console=console, disable=not progress):
            if message is not None:
                yield message


def main(arguments: Sequence[str]) -> None:
    """The command line to messages."""
    line = CommandLine(__doc__, "verify_dataset")
    line.add_config()
    line.add_argument("--split", default="train", help="train, val or test")
    line.add_argument("--out", help="a file to write the messages to")
    line.add_argument("--num_workers", type=positive, default=4, help="threads")
    options = line.options(arguments)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # its warnings do not name the file
    out = output_file(options["out"], "--out") if options["out"] else None
    dataset = dataset_of(options["config"], options["split"])
    messages = list(damaged_images(dataset.source, options["num_workers"], sys.stderr.isatty()))
    print(class_report(dataset.classes, dataset.labels))
    print(*messages, f"{len(messages)} of {len(dataset):,} images are missing or damaged", sep="\n")
    if out:
        out.write_text("".join(f"{message}\n" for message in messages), encoding="utf-8")
    if messages:
        sys.exit(1)


def dataset_of(config: Mapping[str, Any], split: str) -> Dataset:
    """A config's data of a split.

    Raises:
        UserError: there is none, or it cannot be built.
    """
    data = plain(config.get("data") or {})
    if not isinstance(data, Mapping):
        raise UserError(f"config.data: {data!r}; expected a dict of train, val and test")
    if split not in data:
        splits = [key for key in data if key in ("train", "val", "test")]
        raise UserError(f"--split={split}: not in the config; {close_names(split, splits)}")
    refuse(SOURCE(data[split], f"config.data.{split}"))
    return build_dataset(data[split], f"data.{split}")


if __name__ == "__main__":
    start(main)
