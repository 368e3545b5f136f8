"""`digits`: scikit-learn's handwritten digits as a TFDS dataset, prepared without TensorFlow and without a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import cv2
import numpy as np
import tensorflow_datasets as tfds


class Digits(tfds.core.GeneratorBasedBuilder):
    """1,797 grey 8 x 8 images of handwritten digits (https://archive.ics.uci.edu/dataset/80).

    1,437 are to train, 360 to test; the split is fixed and stratified; the 17 grey values are spread over 0..255.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="The test part of the UCI Optical Recognition of Handwritten Digits dataset.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(8, 8, 1), encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=[str(digit) for digit in range(10)]),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://archive.ics.uci.edu/dataset/80",
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        digits = load_digits()
        images = np.round(digits.images * (255 / 16)).astype(np.uint8)
        train, test = train_test_split(np.arange(len(images)), test_size=360, stratify=digits.target, random_state=0)
        return {"train": _examples(images, digits.target, train), "test": _examples(images, digits.target, test)}

    def _generate_examples(self) -> None:
        raise NotImplementedError("the splits are given as generators")


def _examples(images: np.ndarray, labels: np.ndarray, indices: np.ndarray) -> Iterator[tuple[int, dict[str, Any]]]:
    for index in sorted(indices.tolist()):
        # Encoded bytes: given an array, TFDS would encode it with TensorFlow.
        png = cv2.imencode(".png", images[index])[1].tobytes()
        yield index, {"image": png, "label": int(labels[index])}
