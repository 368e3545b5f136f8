"""Packs folders of images into a TFDS dataset of ArrayRecord files, at a chosen shorter side.

    python -m jaxcls.tools.pack --name=pets --data_dir=DIR --short_side=256 train=FOLDER val=FOLDER:ANNOTATIONS

The dataset is read by `dict(type="TFDS", name="pets", split="train", data_dir=DIR)`: sequential reads of large files
instead of one small file an image, and less to decode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2

from jaxcls.data.decode import decode_image
from jaxcls.data.sources import CustomDataset
from jaxcls.data.sources.base import Source
from jaxcls.data.sources.labels import in_terms_of
from jaxcls.data.sources.tfds import quietly
from jaxcls.data.transforms.resize import resize
from jaxcls.errors import UserError
from jaxcls.paths import output_folder
from jaxcls.tools.command_line import CommandLine, positive, start

CHUNK = 256  # images that wait to be written


def pack(
    sources: Mapping[str, Source],
    name: str,
    data_dir: str,
    short_side: int = 256,
    quality: int = 95,
    num_workers: int = 4,
) -> Path:
    """Writes a dataset of one split a source.

    An image whose shorter side is longer is made smaller by averaging and encoded as JPEG; the others stay the very
    bytes they are.

    Args:
        sources: split name -> source. The classes are the first one's; the others have all or some of them.
        name: the dataset's, lower case with underscores.
        data_dir: the dataset goes to `data_dir/name/1.0.0`.
        short_side: pixels.
        quality: of the JPEGs, 1..100.
        num_workers: threads.

    Returns:
        The dataset's folder.

    Raises:
        UserError: a name that TensorFlow Datasets does not take, an image that is damaged, classes of the sources that
            differ, or the dataset is there already.
    """
    first, classes = next((split, source.classes) for split, source in sources.items())
    sources = {split: in_terms_of(source, classes, split, first) for split, source in sources.items()}
    if short_side < 1 or not 1 <= quality <= 100:
        raise UserError(f"short_side={short_side!r}, quality={quality!r}: expected 1 or more, 1..100")
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise UserError(f"name={name!r}: expected lower case letters, digits and underscores, a letter first")
    builder = _builder(name, str(output_folder(data_dir, "data_dir")), classes)
    folder = Path(builder.data_dir)
    if folder.exists():
        raise UserError(f"{folder}: is there already; remove it, or choose another name")
    builder._split_generators = lambda dl_manager: {
        split: _examples(source, short_side, quality, num_workers) for split, source in sources.items()
    }
    quietly(builder.download_and_prepare)
    return folder


def _builder(name: str, data_dir: str, classes: Sequence[str]) -> Any:
    import tensorflow_datasets as tfds

    with tfds.core.registered.skip_registration():

        class Packed(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")

            def _info(self) -> tfds.core.DatasetInfo:
                features = {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(names=list(classes)),
                }
                return tfds.core.DatasetInfo(
                    builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
                )

            def _split_generators(self, dl_manager: Any) -> Any:
                raise NotImplementedError("given to the instance")

            def _generate_examples(self) -> None:
                raise NotImplementedError("the splits are given as generators")

    Packed.name = name
    return Packed(data_dir=data_dir, file_format="array_record")


def _examples(source: Source, short_side: int, quality: int, num_workers: int) -> Iterator[tuple[int, dict[str, Any]]]:
    cv2.setNumThreads(0)  # OpenCV's own threads would compete with the workers
    with ThreadPoolExecutor(num_workers) as threads:
        for first in range(0, len(source), CHUNK):
            indices = range(first, min(first + CHUNK, len(source)))
            images = threads.map(lambda index: _smaller(source[index]["filename"], short_side, quality), indices)
            for index, image in zip(indices, images, strict=True):
                yield index, {"image": image, "label": int(source.labels[index])}


def _smaller(path: str, short_side: int, quality: int) -> bytes:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot read the image: {error.strerror}") from error
    image = decode_image(data, path)
    height, width = image.shape[:2]
    if min(height, width) <= short_side:
        return data
    scale = short_side / min(height, width)
    image = resize(image, round(height * scale), round(width * scale), "area", "cv2")
    return cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[
        1
    ].tobytes()


def _source(argument: str) -> tuple[str, CustomDataset]:
    split, equals, place = argument.partition("=")
    if not (split.isidentifier() and equals and place):
        raise UserError(f"{argument!r}: expected SPLIT=FOLDER or SPLIT=FOLDER:ANNOTATIONS")
    folder, _, annotations = place.partition(":")
    return split, CustomDataset(folder, annotations or None)


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    parser = CommandLine(__doc__, "pack")
    parser.add_argument("splits", nargs="+", metavar="SPLIT=FOLDER[:ANNOTATIONS]")
    parser.add_argument("--name", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--short_side", type=positive, default=256)
    parser.add_argument("--quality", type=positive, default=95)
    parser.add_argument("--num_workers", type=positive, default=4)
    options = parser.options(arguments)
    sources = dict(map(_source, options.pop("splits")))
    print(pack(sources, **options))


if __name__ == "__main__":
    start(main)
