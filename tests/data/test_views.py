"""Test-time augmentation: what the views are, and what the mean over them is."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from PIL import Image

from jaxcls.data.views import MOVED, build_views, take, views_of
from jaxcls.errors import UserError

IMAGES = np.random.default_rng(0).standard_normal((2, 12, 9, 3), np.float32)


def views(config, images=IMAGES, network=(8, 6)):
    return [np.asarray(view) for view in take(build_views(config).plan(images.shape[1:3], network), images)]


def resized(images, height, width):
    """By OpenCV where images become larger, by Pillow, which smooths, where they become smaller."""
    if height >= images.shape[1]:
        return np.stack([cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR) for image in images])
    channels = [[Image.fromarray(image[..., c], "F") for c in range(3)] for image in images]
    smaller = [[np.asarray(c.resize((width, height), Image.Resampling.BILINEAR)) for c in one] for one in channels]
    return np.stack(smaller).transpose(0, 2, 3, 1)


def corners_and_centre(images):
    """Crops of 8 x 6."""
    bottom, right = images.shape[1] - 8, images.shape[2] - 6
    starts = [(0, 0), (0, right), (bottom, 0), (bottom, right), (round(bottom / 2), round(right / 2))]
    return [images[:, top : top + 8, left : left + 6] for top, left in starts]


CASES = {
    "flips": (
        {"flips": ["horizontal", "vertical", "both"]},
        lambda x: [x, x[:, :, ::-1], x[:, ::-1], x[:, ::-1, ::-1]],
    ),
    "one flip": ({"flips": "vertical"}, lambda x: [x, x[:, ::-1]]),
    "centre": ({"crops": 1}, lambda x: corners_and_centre(x)[4:]),
    "five crops": ({"crops": 5}, corners_and_centre),
    "ten crops": ({"crops": 10}, lambda x: [v for c in corners_and_centre(x) for v in (c, c[:, :, ::-1])]),
    "crops of a size": ({"crops": 1, "crop_size": [4, 3]}, lambda x: [x[:, 4:8, 3:6]]),
    "moved": (
        {"crops": 5, "padding": 1, "crop_size": [12, 9]},
        lambda x: [
            np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")[:, top : top + 12, left : left + 9]
            for top, left in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1))
        ],
    ),
    "scales": ({"scales": [0.5, 1, 1.5]}, lambda x: [resized(x, 6, 4), x, resized(x, 18, 14)]),
    "scales x five crops x flips": (
        {"scales": [1, 1.5], "crops": 5, "flips": ["vertical"]},
        lambda x: [
            v for s in (x, resized(x, 18, 14)) for c in corners_and_centre(s) for v in (c, c[:, ::-1])
        ],
    ),
    "ten crops x flips": (
        {"crops": 10, "flips": "vertical"},
        lambda x: [
            v for c in corners_and_centre(x) for v in (c, c[:, ::-1], c[:, :, ::-1], c[:, ::-1, ::-1])
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_views_are_those_of_the_definition(case):
    config, by_hand = CASES[case]
    found, expected = views(config), by_hand(IMAGES)
    assert len(found) == len(expected)
    for view, other in itertools.zip_longest(found, expected):
        np.testing.assert_allclose(view, other, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"flip": "horizontal"}, r"^tta: Views has no argument 'flip'; did you mean 'flips'\?"),
        ({"flips": ["sideways"]}, r"^tta: Views: flips='sideways': expected one of horizontal, vertical, both"),
        ({"crops": 4}, r"crops=4: expected None, 1, 5 or 10"),
        ({"scales": []}, r"scales=\(\): expected numbers above 0"),
        ({"scales": [0]}, r"scales=\(0,\): expected numbers above 0"),
        ({"scales": "large"}, r"^tta.scales: \('large',\); expected a list of numbers"),
        ({"crop_size": 4}, r"crop_size and padding need crops: 1, 5 or 10"),
        ({"padding": 1}, r"crop_size and padding need crops: 1, 5 or 10"),
        ({"crops": 5, "padding": -1}, r"padding=-1: expected 0 or more pixels"),
        ({"crops": 5, "crop_size": 0}, r"crop_size=0: expected a positive int"),
        ({"average": "votes"}, r"average='votes': expected one of scores, logits"),
        (["horizontal"], r"^tta: \('horizontal',\); expected a dict of flips, crops"),
        (
            {"crops": 5, "crop_size": 10},
            r"^data\.tta: crops of 10x10 pixels of images of 12x9: the images are too small",
        ),
        (
            {"crops": 5, "crop_size": [12, 9]},
            r"^data\.tta: crops of 12x9 pixels of images of 12x9 are all the same: give padding",
        ),
        (
            {"crops": 10, "flips": "horizontal"},
            r"^data\.tta: views of images of 12x9 pixels repeat each other: .* crops=10",
        ),
        ({"scales": [1, 1.0]}, r"repeat each other: sizes \[\(12, 9\), \(12, 9\)\]"),
    ],
)
def test_what_cannot_be_is_refused(config, message):
    with pytest.raises(UserError, match=message):
        views(config)


def test_without_the_key_it_is_what_training_knows():
    flip, other = {"type": "RandomFlip"}, {"type": "Resize", "size": 8}
    nested = {"type": "RepeatDataset", "dataset": {"type": "X", "pipeline": [flip, {**flip, "direction": "vertical"}]}}
    assert views_of({"train": nested}) == {"flips": ("horizontal", "vertical")}
    assert views_of({"train": {"type": "X", "pipeline": [other]}}) == MOVED
    crop = {"type": "RandomCrop", "size": 32, "padding": 4}
    assert views_of({"train": {"type": "X", "pipeline": [crop, other]}}) == {"crops": 5, "padding": 4}
    shift = {"type": "RandomShift", "most": 2}
    assert views_of({"train": {"type": "X", "pipeline": [shift, other]}}) == {"crops": 5, "padding": 2}
    assert views_of({"train": nested, "tta": {"crops": 5}}) == {"crops": 5}
    assert [view.shape for view in views(MOVED, np.zeros((1, 8, 8, 3), np.float32), (8, 8))] == [(1, 8, 8, 3)] * 5
