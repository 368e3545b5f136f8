import json
import math
from pathlib import Path

import cv2
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcls.data import transforms
from jaxcls.data.pipeline import build_transform
from jaxcls.data.transforms.crop import central_box
from jaxcls.errors import UserError

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "semantics" / "transforms.npz")
CASES = [
    (index, config) for index, config in enumerate(json.loads(str(GOLDEN["meta"]))) if config["type"] != "Normalize"
]
few = settings(max_examples=40, deadline=None)
sides = st.integers(1, 60)


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def apply(config, image, seed=0):
    return build_transform(config)({"image": image}, np.random.default_rng(seed))["image"]


@pytest.mark.parametrize(("index", "config"), CASES, ids=[f"{i}-{c['type']}" for i, c in CASES])
def test_equals_the_original(index, config):
    given, expected = apply(config, GOLDEN["image"]), GOLDEN[f"out{index}"]
    if config.get("interpolation") == "bicubic" and config.get("backend", "cv2") == "cv2":
        # Intel's library, through which OpenCV does this one, rounds as the processor has it: the file is from another.
        np.testing.assert_allclose(given, expected, rtol=0, atol=1)
        expected = cv2.resize(GOLDEN["image"], config["size"][::-1], interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(given, expected)


def test_golden_cases_are_all_there():
    assert len(CASES) == 34


def test_normalize_equals_the_original():
    index, config = next((i, c) for i, c in enumerate(json.loads(str(GOLDEN["meta"]))) if c["type"] == "Normalize")
    images = jax.jit(build_transform(config).on_device)(GOLDEN["image"][None])
    assert images.dtype == np.float32
    np.testing.assert_allclose(images[0], GOLDEN[f"out{index}"], rtol=0, atol=5e-7)


def test_normalize_bgr_reverses_the_channels_first():
    image = noise(4, 5)[None]
    normalize = transforms.Normalize((1.0, 2.0, 3.0), (1.0, 2.0, 4.0), bgr=True)
    expected = (image[..., ::-1].astype(np.float32) - [1, 2, 3]) / [1, 2, 4]
    np.testing.assert_allclose(normalize.on_device(jax.numpy.asarray(image)), expected, rtol=1e-6)


@pytest.mark.parametrize("config", [c for _, c in CASES] + [{"type": "RandomCrop", "size": 40, "padding": 4}])
def test_leaves_the_given_sample_alone_and_grey_images_keep_their_axis(config):
    image = np.ascontiguousarray(GOLDEN["image"][..., :1])
    before, sample = image.copy(), {"image": image, "label": 3}
    if isinstance(config.get("pad_val"), list):
        config = {**config, "pad_val": 1}  # one channel
    result = build_transform(config)(sample, np.random.default_rng(0))
    assert result["image"].shape[2] == 1
    assert result["label"] == 3
    assert sample["image"] is image
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(
    ("size", "side", "shape"),
    [
        ((60, -1), "short", (80, 60)),
        ((60, -1), "long", (60, 45)),
        ((60, -1), "height", (60, 45)),
        ((60, -1), "width", (80, 60)),
        ((30, -1), "short", (40, 30)),
        ((7, -1), "height", (7, 5)),
    ],
)
def test_resize_adaptive_side(size, side, shape):
    assert apply({"type": "Resize", "size": size, "adaptive_side": side}, noise(40, 30)).shape == (*shape, 3)


def test_center_crop_keeps_a_smaller_image():
    image = noise(20, 30)
    np.testing.assert_array_equal(apply({"type": "CenterCrop", "crop_size": 40}, image), image)


@few
@given(sides, sides, st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_random_crop_is_a_part_of_the_image(height, width, crop_height, crop_width, seed):
    image = np.arange(height * width, dtype=np.int32).reshape(height, width, 1)
    config = {"type": "RandomCrop", "size": (crop_height, crop_width)}
    if crop_height > height or crop_width > width:
        with pytest.raises(UserError, match="larger than the image"):
            apply(config, image, seed)
        return
    part = apply(config, image, seed)
    assert part.shape == (crop_height, crop_width, 1)
    top, left = divmod(int(part[0, 0, 0]), width)
    np.testing.assert_array_equal(part, image[top : top + crop_height, left : left + crop_width])


def test_random_crop_reaches_every_place():
    image = np.arange(36, dtype=np.uint8).reshape(6, 6, 1)
    corners = {int(apply({"type": "RandomCrop", "size": 4}, image, seed)[0, 0, 0]) for seed in range(200)}
    assert corners == {6 * top + left for top in range(3) for left in range(3)}


def test_random_crop_pads_with_constants_whatever_the_padding_mode():
    image = np.full((4, 4, 3), 200, np.uint8)
    config = {"type": "RandomCrop", "size": 12, "padding": 4, "pad_val": (1, 2, 3), "padding_mode": "edge"}
    padded = apply(config, image)
    np.testing.assert_array_equal(padded[4:8, 4:8], image)
    np.testing.assert_array_equal(padded[0, 0], [1, 2, 3])


@pytest.mark.parametrize(
    ("padding", "place"), [(2, (2, 2)), ((1, 2), (2, 1)), ((1, 2, 3, 4), (2, 1))], ids=["one", "two", "four"]
)
def test_random_crop_padding_sides(padding, place):
    left, top, right, bottom = (padding,) * 4 if isinstance(padding, int) else (tuple(padding) * 2)[:4]
    image = np.full((5, 5, 1), 9, np.uint8)
    padded = apply({"type": "RandomCrop", "size": (5 + top + bottom, 5 + left + right), "padding": padding}, image)
    np.testing.assert_array_equal(np.argwhere(padded[..., 0] == 9)[0], place)


def test_random_crop_pad_if_needed_pads_both_sides_with_the_mode():
    image = np.tile(np.arange(3, dtype=np.uint8)[:, None, None], (1, 10, 1))
    config = {"type": "RandomCrop", "size": (9, 10), "pad_if_needed": True, "padding_mode": "edge"}
    rows = {tuple(apply(config, image, seed)[:, 0, 0].tolist()) for seed in range(200)}
    column = (0,) * 6 + (0, 1, 2) + (2,) * 6  # six rows are lacking, and as many are added on either side
    assert rows == {column[top : top + 9] for top in range(7)}


@few
@given(sides, sides, st.booleans(), st.sampled_from(["cv2", "pillow"]), st.integers(0, 99))
def test_random_resized_crop_gives_the_size(height, width, efficientnet_style, backend, seed):
    config = {"type": "RandomResizedCrop", "size": 8, "efficientnet_style": efficientnet_style, "backend": backend}
    assert apply(config, noise(height, width), seed).shape == (8, 8, 3)


@few
@given(st.integers(20, 200), st.integers(20, 200), st.booleans(), st.integers(0, 99))
def test_random_resized_crop_box_is_in_range(height, width, efficientnet_style, seed):
    transform = transforms.RandomResizedCrop(
        8, scale=(0.3, 0.6), efficientnet_style=efficientnet_style, max_attempts=99
    )
    make = transform._efficientnet_box if efficientnet_style else transform._box
    top, left, box_height, box_width = make(np.empty((height, width, 3)), np.random.default_rng(seed))
    assert 0 <= top <= height - box_height
    assert 0 <= left <= width - box_width
    if max(height / width, width / height) < 1.5:  # a part that fits is found
        rounding = (box_height + box_width) / (height * width)
        assert 0.3 - rounding <= box_height * box_width / (height * width) <= 0.6 + rounding
        assert 3 / 4 * (1 - 0.1) <= box_width / box_height <= 4 / 3 * (1 + 0.1)


@pytest.mark.parametrize(
    ("shape", "box"), [((30, 90), (0, 25, 30, 40)), ((90, 30), (25, 0, 40, 30)), ((30, 36), (0, 0, 30, 36))]
)
def test_random_resized_crop_falls_back_to_the_centre(shape, box):
    transform = transforms.RandomResizedCrop(8, max_attempts=0)
    assert transform._box(np.empty((*shape, 3)), np.random.default_rng(0)) == box


def test_random_resized_crop_efficientnet_falls_back_to_its_centre():
    transform = transforms.RandomResizedCrop(96, max_attempts=0, efficientnet_style=True)
    image = np.empty((64, 80, 3))
    assert transform._efficientnet_box(image, np.random.default_rng(0)) == central_box(image, 48.0, 48.0)
    assert central_box(image, 48.0, 48.0) == (8, 16, 48.0, 48.0)


def test_random_flip_happens_with_its_probability():
    image = noise(2, 3)
    flipped = [
        np.array_equal(apply({"type": "RandomFlip", "flip_prob": 0.3}, image, s), image[:, ::-1]) for s in range(999)
    ]
    assert abs(np.mean(flipped) - 0.3) < 4 * math.sqrt(0.21 / 999)


@few
@given(st.sampled_from(["RandomCrop", "RandomResizedCrop", "RandomFlip"]), st.integers(0, 99))
def test_the_generator_alone_decides(name, seed):
    config = {"type": name} if name == "RandomFlip" else {"type": name, "size": 10}
    image = noise(30, 40)
    np.testing.assert_array_equal(apply(config, image, seed), apply(config, image, seed))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "Resize", "size": 0}, r"size=0: expected a positive int or \(height, width\)"),
        ({"type": "Resize", "size": (1, 2, 3)}, "size: .*; expected a whole number or"),
        (
            {"type": "Resize", "size": 8, "interpolation": "cubic"},
            "expected one of nearest, bilinear, bicubic, area, lanczos",
        ),
        ({"type": "Resize", "size": 8, "interpolation": "area", "backend": "pillow"}, "box, lanczos, hamming"),
        ({"type": "Resize", "size": 8, "backend": "PIL"}, "expected one of cv2, pillow"),
        ({"type": "Resize", "size": (8, -1), "adaptive_side": "shorter"}, "short, long, height, width"),
        ({"type": "Resize", "scale": 8}, "no argument 'scale'"),
        ({"type": "CenterCrop", "crop_size": (8, 9), "efficientnet_style": True}, "needs an int"),
        ({"type": "CenterCrop", "crop_size": 8, "crop_padding": -1}, "0 or more pixels"),
        ({"type": "RandomCrop", "size": 8, "padding": (1, 2, 3)}, "2 or 4 ints"),
        ({"type": "RandomCrop", "size": 8, "padding": -1}, "padding=-1: expected an int, 2 or 4 ints, from 0"),
        ({"type": "RandomCrop", "size": 8, "padding": (2, -1)}, "ints, from 0"),
        ({"type": "RandomCrop", "size": 8, "padding_mode": "zero"}, "constant, edge, reflect, symmetric"),
        ({"type": "RandomResizedCrop", "size": 8, "scale": (1.0, 0.1)}, "low <= high"),
        ({"type": "RandomFlip", "flip_prob": 50}, r"0\.\.1"),
        ({"type": "RandomFlip", "direction": "diagonal"}, "horizontal, vertical"),
        ({"type": "Pad"}, "expected one of the two"),
        ({"type": "Pad", "size": 8, "pad_to_square": True}, "expected one of the two"),
        ({"type": "Normalize", "mean": [1.0], "std": [0.0]}, "std above zero"),
        ({"type": "Normalize", "mean": [1.0, 2.0], "std": [1.0]}, "one number a channel in each"),
        ({"type": "LoadImageFromFile", "color_type": "rgb"}, "color, grayscale"),
    ],
)
def test_refuses(config, message):
    with pytest.raises(UserError, match=message):
        build_transform(config)


def test_refuses_a_colour_that_does_not_fit():
    with pytest.raises(UserError, match="expected a number or 1 numbers"):
        apply({"type": "Pad", "size": 8, "pad_val": (1, 2, 3)}, noise(4, 4, 1))
    with pytest.raises(UserError, match="1 means, the images 3 channels"):
        transforms.Normalize((1.0,), (1.0,)).on_device(jax.numpy.zeros((1, 2, 2, 3), np.uint8))
    with pytest.raises(UserError, match="remove to_float32"):
        apply({"type": "Resize", "size": 8, "backend": "pillow"}, noise(4, 4).astype(np.float32))
