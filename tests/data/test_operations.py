"""The operations of AutoAugment and RandAugment, and the transforms of colour and erasing."""

import dataclasses
import sys
import types
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from jaxcls.data import transforms
from jaxcls.data.pipeline import build_pipeline, build_transform
from jaxcls.data.transforms.enhance import Enhancement
from jaxcls.data.transforms.operation import Operation
from jaxcls.errors import UserError

few = settings(max_examples=40, deadline=None)
sides = st.integers(1, 40)
always = {"prob": 1.0, "random_negative_prob": 0.0}
OPERATIONS = {
    "Shear": {"magnitude": 0.3},
    "Translate": {"magnitude": 0.4},
    "Rotate": {"angle": 30},
    "AutoContrast": {},
    "Invert": {},
    "Equalize": {},
    "Solarize": {"thr": 100},
    "SolarizeAdd": {"magnitude": 110},
    "Posterize": {"bits": 3.2},
    "Contrast": {"magnitude": 0.9},
    "ColorTransform": {"magnitude": 0.9},
    "Brightness": {"magnitude": 0.9},
    "Sharpness": {"magnitude": 0.9},
    "Cutout": {"shape": 7},
}
OTHERS = {
    "RandomGrayscale": {"gray_prob": 0.5},
    "ColorJitter": {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4},
    "RandomErasing": {"mode": "rand"},
}


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def photograph(seed=0):
    """Smooth, unlike noise, and with a histogram that has gaps."""
    rows, columns = np.mgrid[:60, :80]
    phases = np.random.default_rng(seed).uniform(0, 6, (3, 1, 1))
    return np.moveaxis(110 + 70 * np.sin(rows / 9 + phases) * np.cos(columns / 13), 0, 2).astype(np.uint8)


def apply(name, image, seed=0, **arguments):
    return build_transform({"type": name, **arguments})({"image": image}, np.random.default_rng(seed))["image"]


def certain(name, image, **arguments):
    signed = "random_negative_prob" in {field.name for field in dataclasses.fields(getattr(transforms, name))}
    return apply(name, image, **(always if signed else {"prob": 1.0}), **arguments)


def test_every_operation_is_here():
    exported = [getattr(transforms, name) for name in transforms.__all__]
    assert {cls.__name__ for cls in exported if issubclass(cls, Operation)} == set(OPERATIONS)


@few
@given(st.sampled_from([*OPERATIONS, *OTHERS]), sides, sides, st.sampled_from([1, 3]), st.integers(0, 999))
def test_shape_dtype_label_and_the_given_image_stay(name, height, width, channels, seed):
    image = noise(height, width, channels, seed)[:, ::-1]  # not contiguous, as after a flip
    before = image.copy()
    config = {"type": name, **(OPERATIONS | OTHERS)[name]}
    sample = build_transform(config)({"image": image, "label": 3}, np.random.default_rng(seed))
    assert sample["image"].shape == (height, width, channels)
    assert sample["image"].dtype == np.uint8
    assert sample["label"] == 3
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", OPERATIONS)
def test_prob_decides(name):
    image = photograph()
    changed = [not np.array_equal(apply(name, image, seed, prob=0.3, **OPERATIONS[name]), image) for seed in range(400)]
    assert abs(np.mean(changed) - 0.3) < 4 * np.sqrt(0.21 / 400)


@pytest.mark.parametrize("name", ["Shear", "Translate", "Rotate", "Contrast", "ColorTransform", "Brightness"])
def test_random_negative_prob_decides_the_sign(name):
    image, key = photograph(), getattr(transforms, name).magnitude_key
    arguments = OPERATIONS[name]
    up = certain(name, image, **arguments)
    down = certain(name, image, **arguments | {key: -arguments[key]})
    results = [apply(name, image, seed, prob=1.0, random_negative_prob=0.3, **arguments) for seed in range(300)]
    negative = [np.array_equal(result, down) for result in results]
    assert all(
        np.array_equal(result, down if is_down else up) for result, is_down in zip(results, negative, strict=True)
    )
    assert abs(np.mean(negative) - 0.3) < 4 * np.sqrt(0.21 / 300)


def pillow(image):
    return Image.fromarray(image)


@pytest.mark.parametrize("image", [photograph(), noise(30, 41), np.full((9, 9, 3), 77, np.uint8)])
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("AutoContrast", {}, ImageOps.autocontrast),
        ("Equalize", {}, ImageOps.equalize),
        ("Invert", {}, ImageOps.invert),
        ("Solarize", {"thr": 128}, lambda image: ImageOps.solarize(image, 128)),
        ("Solarize", {"thr": 0}, ImageOps.invert),
        ("Solarize", {"thr": 256}, lambda image: image),
        ("Posterize", {"bits": 3}, lambda image: ImageOps.posterize(image, 3)),
        ("Posterize", {"bits": 8}, lambda image: image),
        ("Posterize", {"bits": 2.1}, lambda image: ImageOps.posterize(image, 3)),
        ("Brightness", {"magnitude": 0.7}, lambda image: ImageEnhance.Brightness(image).enhance(1.7)),
        ("Brightness", {"magnitude": -0.7}, lambda image: ImageEnhance.Brightness(image).enhance(0.3)),
        ("Translate", {"magnitude": 1 / 3, "pad_val": (9, 8, 7)}, lambda image: moved(image, 1 / 3)),
        ("Translate", {"magnitude": -2 / 3, "pad_val": (9, 8, 7)}, lambda image: moved(image, -2 / 3)),
    ],
)
def test_equals_pillow(name, arguments, expected, image):
    np.testing.assert_array_equal(certain(name, image, **arguments), np.asarray(expected(pillow(image))))


def affine(image, coefficients, resample=Image.Resampling.NEAREST):
    fill = (9, 8, 7) if image.mode == "RGB" else 9
    return image.transform(image.size, Image.Transform.AFFINE, coefficients, resample, fillcolor=fill)


def moved(image, share):
    return affine(image, (1, 0, -share * image.width, 0, 1, 0))


BICUBIC = Image.Resampling.BICUBIC


@pytest.mark.parametrize("image", [photograph(), noise(30, 41), noise(31, 20, 1)])
@pytest.mark.parametrize("size", [-0.9, -0.37, 0.0, 0.2, 0.55])
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("Brightness", {}, lambda image, size: ImageEnhance.Brightness(image).enhance(1 + size)),
        ("Contrast", {}, lambda image, size: ImageEnhance.Contrast(image).enhance(1 + size)),
        ("ColorTransform", {}, lambda image, size: ImageEnhance.Color(image).enhance(1 + size)),
        ("Sharpness", {}, lambda image, size: ImageEnhance.Sharpness(image).enhance(1 + size)),
        ("Shear", {}, lambda image, size: affine(image, (1, -size, 0, 0, 1, 0), BICUBIC)),
        ("Shear", {"direction": "vertical"}, lambda image, size: affine(image, (1, 0, 0, -size, 1, 0), BICUBIC)),
        ("Translate", {}, lambda image, size: affine(image, (1, 0, -size * image.width, 0, 1, 0))),
        (
            "Translate",
            {"direction": "vertical"},
            lambda image, size: affine(image, (1, 0, 0, 0, 1, -size * image.height)),
        ),
        ("Rotate", {"interpolation": "bilinear"}, lambda image, size: rotated(image, 40 * size)),
    ],
)
def test_equals_pillow_with_its_backend(name, arguments, expected, size, image):
    key = getattr(transforms, name).magnitude_key
    pad_val = {} if issubclass(getattr(transforms, name), Enhancement) else {"pad_val": (9, 8, 7)[: image.shape[2]]}
    result = certain(
        name, image, **{key: 40 * size if key == "angle" else size}, **arguments, **pad_val, backend="pillow"
    )
    theirs = np.asarray(expected(pillow(image.squeeze()), size))
    np.testing.assert_array_equal(result, theirs.reshape(image.shape))


def rotated(image, clockwise):
    fill = (9, 8, 7) if image.mode == "RGB" else 9
    return image.rotate(-clockwise, Image.Resampling.BILINEAR, fillcolor=fill)


def test_a_policy_takes_the_backend_as_an_hparam():
    image = photograph()
    policies = [{"type": "Contrast", "magnitude": 0.5, "prob": 1.0, "random_negative_prob": 0.0}]
    config = {"type": "RandAugment", "policies": policies, "num_policies": 1, "magnitude_level": 1}
    transform = build_transform({**config, "hparams": {"backend": "pillow"}})
    augmented = transform({"image": image}, np.random.default_rng(0))["image"]
    np.testing.assert_array_equal(augmented, np.asarray(ImageEnhance.Contrast(pillow(image)).enhance(1.5)))


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.0, 1.3, 1.9])
@pytest.mark.parametrize(
    ("name", "enhance"),
    [
        ("Brightness", ImageEnhance.Brightness),
        ("Contrast", ImageEnhance.Contrast),
        ("ColorTransform", ImageEnhance.Color),
        ("Sharpness", ImageEnhance.Sharpness),
    ],
)
def test_is_as_near_to_pillow_as_the_original(name, enhance, factor):
    # By design the original, with OpenCV, rounds grey values, blended colours and smoothed values where Pillow cuts
    # them, and smooths the border too.
    image = photograph()
    ours = certain(name, image, magnitude=factor - 1).astype(int)
    theirs = np.asarray(enhance(pillow(image)).enhance(factor)).astype(int)
    inside = (slice(1, -1), slice(1, -1)) if name == "Sharpness" else ...
    limit = {"Brightness": 0, "Contrast": 1, "ColorTransform": 2, "Sharpness": 1}[name]
    assert np.abs(ours - theirs)[inside].max() <= limit


def test_posterize_of_no_bits_is_black():
    assert not certain("Posterize", photograph(), bits=0).any()


def test_solarize_add_touches_the_dark_alone():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    result = certain("SolarizeAdd", values, magnitude=200, thr=100).ravel()
    np.testing.assert_array_equal(result, [min(v + 200, 255) if v < 100 else v for v in range(256)])


@pytest.mark.parametrize(("magnitude", "columns"), [(0.25, slice(2, None)), (-0.25, slice(0, -2))])
def test_translate_fills_with_the_colour(magnitude, columns):
    image = noise(6, 8)
    moved = certain("Translate", image, magnitude=magnitude, pad_val=(1, 2, 3))
    shift = round(8 * magnitude)
    np.testing.assert_array_equal(moved[:, columns], np.roll(image, shift, 1)[:, columns])
    border = np.delete(moved, np.arange(8)[columns], axis=1)
    assert (border == (1, 2, 3)).all()


def test_rotate_is_clockwise():
    image = noise(7, 7)
    np.testing.assert_array_equal(certain("Rotate", image, angle=90), np.rot90(image, -1))


def test_shear_moves_the_lower_rows():
    image = np.zeros((5, 9, 1), np.uint8)
    image[:, 2] = 255
    sheared = certain("Shear", image, magnitude=1.0, pad_val=0)
    np.testing.assert_array_equal(sheared[..., 0].argmax(1), 2 + np.arange(5))
    assert certain("Shear", image, magnitude=0.5, direction="vertical", pad_val=7)[0, -1, 0] == 7


@few
@given(sides, sides, st.integers(0, 50), st.integers(0, 999))
def test_cutout_is_a_rectangle_of_at_most_its_shape(height, width, shape, seed):
    image = np.zeros((height, width, 1), np.uint8)
    painted = np.argwhere(apply("Cutout", image, seed, shape=shape, pad_val=9, prob=1.0)[..., 0] == 9)
    if shape == 0:
        assert len(painted) == 0
        return
    box = painted.max(0) - painted.min(0) + 1
    assert len(painted) == box.prod()
    assert (box <= shape).all()
    assert (box >= np.minimum((shape + 1) // 2, [1, 1])).all()


def test_cutout_takes_height_and_width():
    painted = np.argwhere(certain("Cutout", np.zeros((90, 90, 1), np.uint8), shape=(3, 8))[..., 0])
    np.testing.assert_array_equal(painted.max(0) - painted.min(0) + 1, [3, 8])


@few
@given(st.integers(4, 60), st.integers(4, 60), st.integers(0, 999))
def test_random_erasing_paints_one_rectangle_in_range(height, width, seed):
    image = np.zeros((height, width, 3), np.uint8)
    arguments = {"erase_prob": 1.0, "min_area_ratio": 0.1, "max_area_ratio": 0.3, "fill_color": (1, 2, 3)}
    erased = apply("RandomErasing", image, seed, **arguments)
    painted = np.argwhere(erased[..., 0] == 1)
    box = painted.max(0) - painted.min(0) + 1
    assert len(painted) == box.prod()
    assert (erased[erased[..., 0] == 1] == (1, 2, 3)).all()
    rounding = box.sum() / (height * width)
    assert len(painted) / (height * width) <= 0.3 + rounding
    if (box < (height, width)).all():  # not cut off
        assert len(painted) / (height * width) >= 0.1 - rounding
        assert 0.3 * 0.7 <= box[0] / box[1] <= 10 / 3 * 1.5 or min(box) < 4


def test_random_erasing_fills_with_noise():
    image = np.zeros((200, 200, 3), np.uint8)
    whole = {"erase_prob": 1.0, "min_area_ratio": 1.0, "max_area_ratio": 1.0, "aspect_range": 1.0, "mode": "rand"}
    uniform = apply("RandomErasing", image, **whole)
    assert (uniform.min(), uniform.max()) == (0, 255)
    assert abs(uniform.mean() - 127.5) < 1.5
    normal = apply("RandomErasing", image, **whole, fill_color=(60, 120, 180), fill_std=(5, 10, 20))
    np.testing.assert_allclose(normal.mean((0, 1)), np.array([60, 120, 180]) - 0.5, atol=0.5)
    np.testing.assert_allclose(normal.std((0, 1)), [5, 10, 20], rtol=0.03)


def test_random_erasing_happens_with_its_probability():
    image = photograph()
    same = [np.array_equal(apply("RandomErasing", image, seed, erase_prob=0.25), image) for seed in range(400)]
    assert abs(np.mean(same) - 0.75) < 4 * np.sqrt(0.1875 / 400)


def test_random_grayscale_makes_the_channels_equal():
    image = noise(8, 9)
    gray = apply("RandomGrayscale", image, gray_prob=1.0)
    assert (gray == gray[..., :1]).all()
    assert apply("RandomGrayscale", image, gray_prob=0.0) is image


@few
@given(st.integers(0, 999))
def test_color_jitter_stays_within_its_magnitudes(seed):
    image = np.full((4, 4, 3), 100, np.uint8)
    jittered = apply("ColorJitter", image, seed, brightness=0.4, contrast=0.0, saturation=0.0)
    assert 60 - 2 <= jittered.min() <= jittered.max() <= 140
    np.testing.assert_array_equal(apply("ColorJitter", image, seed, brightness=0, contrast=0, saturation=0), image)


PCA = {"eigval": [0.2, 0.1], "eigvec": [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]}


def test_lighting_adds_one_colour_with_the_components_spread():
    image = np.full((3, 4, 3), 100, np.float32)
    lit = np.stack([apply("Lighting", image, seed, alphastd=50.0, **PCA) for seed in range(2000)])
    added = lit - image
    assert lit.dtype == np.float32
    np.testing.assert_array_equal(added, np.broadcast_to(added[:, :1, :1], added.shape))
    np.testing.assert_allclose(added[:, 0, 0].std(0), [10, 5, 0], rtol=0.06)
    np.testing.assert_allclose(added[:, 0, 0].mean(0), 0, atol=1)


def test_lighting_rounds_and_cuts_uint8():
    lit = apply("Lighting", np.full((2, 2, 3), 250, np.uint8), 3, alphastd=500.0, **PCA)
    exact = apply("Lighting", np.full((2, 2, 3), 250, np.float32), 3, alphastd=500.0, **PCA)
    np.testing.assert_array_equal(lit, np.clip(np.rint(exact), 0, 255))


@pytest.mark.parametrize("lighting", [None, False, True])
@pytest.mark.parametrize("to_rgb", [False, True])
def test_channel_order_counts_the_exchanges(lighting, to_rgb):
    steps = [{"type": "LoadImageFromFile"}]
    if lighting is not None:
        steps.append({"type": "Lighting", "to_rgb": lighting, **PCA})
    normalize = {"type": "Normalize", "mean": [0.0] * 3, "std": [1.0] * 3, "to_rgb": to_rgb}
    assert build_pipeline([*steps, normalize])[2].bgr == (bool(lighting) == to_rgb)


def fake_albumentations():
    class Compose:
        def __init__(self, transforms):
            self.transforms, self.seed = transforms, None

        def set_random_seed(self, seed):
            self.seed = seed

        def __call__(self, image):
            for transform in self.transforms:
                image = transform(image, np.random.default_rng(self.seed))
            return {"image": image}

    class AddNoise:
        def __init__(self, limit):
            if limit < 0:
                warnings.warn("Argument(s) 'limit' are not valid for transform AddNoise", UserWarning, stacklevel=2)
            self.limit = limit

        def __call__(self, image, rng):
            return image + rng.integers(0, self.limit, image.shape, np.uint8)

    class OneOf:
        def __init__(self, transforms):
            self.transforms = transforms

        def __call__(self, image, rng):
            return self.transforms[rng.integers(len(self.transforms))](image, rng)

    module = types.ModuleType("albumentations")
    module.Compose, module.AddNoise, module.OneOf, module.__version__ = Compose, AddNoise, OneOf, "2.0"
    module.version = "2.0"
    return module


def test_albu_builds_nested_transforms_and_the_generator_alone_decides(monkeypatch):
    monkeypatch.setitem(sys.modules, "albumentations", fake_albumentations())
    inner = [{"type": "AddNoise", "limit": 5}, {"type": "AddNoise", "limit": 9}]
    config = {"type": "Albu", "transforms": [{"type": "OneOf", "transforms": inner}], "keymap": {"img": "image"}}
    albu, image = build_transform(config), np.zeros((4, 5, 3), np.uint8)
    results = [albu({"image": image}, np.random.default_rng(seed))["image"] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()
    with pytest.raises(UserError, match=r"'AddNoize' is not in albumentations; did you mean 'AddNoise'"):
        build_transform({"type": "Albu", "transforms": [{"type": "AddNoize"}]})
    with pytest.raises(UserError, match=r"'version' is not in albumentations"):
        build_transform({"type": "Albu", "transforms": [{"type": "version"}]})
    with pytest.raises(UserError, match=r"AddNoise: .*unexpected keyword argument 'limits'"):
        build_transform({"type": "Albu", "transforms": [{"type": "AddNoise", "limits": 5}]})
    with pytest.raises(UserError, match=r"AddNoise: Argument\(s\) 'limit' are not valid"):  # a warning only
        build_transform({"type": "Albu", "transforms": [{"type": "AddNoise", "limit": -1}]})
    with pytest.raises(UserError, match=r"'AddNoise': expected a dict with the type of an albumentations class"):
        build_transform({"type": "Albu", "transforms": [{"type": "OneOf", "transforms": ["AddNoise"]}]})
    with pytest.raises(UserError, match="only the image is transformed"):
        build_transform({"type": "Albu", "transforms": [], "keymap": {"mask": "mask"}})


def test_albu_names_the_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(UserError, match="Albu needs albumentations 2 or later: pip install albumentations"):
        build_transform({"type": "Albu", "transforms": []})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "Shear", "magnitude": 0.1, "direction": "diagonal"}, "horizontal, vertical"),
        ({"type": "Shear"}, "needs 'magnitude'"),
        ({"type": "Translate", "magnitude": 0.1, "interpolation": "cubic"}, "nearest, bilinear"),
        ({"type": "Rotate", "angle": 3, "backend": "pillow", "interpolation": "box"}, "nearest, bilinear, bicubic"),
        ({"type": "Contrast", "magnitude": 0.1, "backend": "pil"}, "expected one of cv2, pillow"),
        ({"type": "Rotate", "angle": 3, "prob": 2}, r"prob=2: expected a probability"),
        ({"type": "Rotate", "angle": 3, "random_negative_prob": -1}, "random_negative_prob=-1"),
        ({"type": "Posterize", "bits": 9}, r"bits=9: expected 0\.\.8"),
        ({"type": "Cutout", "shape": -1}, "shape=-1: expected a positive int"),
        ({"type": "Cutout", "shape": (1, 2, 3)}, r"shape: \(1, 2, 3\); expected a number or"),
        (
            {"type": "ColorJitter", "brightness": -1, "contrast": 0, "saturation": 0},
            "brightness=-1: expected 0 or more",
        ),
        ({"type": "Lighting", "eigval": [1.0], "eigvec": [[1.0, 2.0]]}, r"expected shapes \(K,\) and \(3, K\)"),
        ({"type": "RandomErasing", "mode": "pixel"}, "const, rand"),
        ({"type": "RandomErasing", "min_area_ratio": 0.5}, "min_area_ratio <= max_area_ratio"),
        ({"type": "RandomErasing", "aspect_range": (3, 1)}, "0 < low <= high"),
        ({"type": "RandomGrayscale", "gray_prob": 3}, "gray_prob=3"),
    ],
)
def test_refuses(config, message):
    with pytest.raises(UserError, match=message):
        build_transform(config)


def test_refuses_images_that_do_not_fit():
    with pytest.raises(UserError, match=r"Invert: works on uint8 images, got float32; remove to_float32"):
        certain("Invert", photograph().astype(np.float32))
    with pytest.raises(UserError, match=r"pad_val=\(1, 2, 3\): expected a number or 1 numbers"):
        certain("Rotate", noise(4, 4, 1), angle=3, pad_val=(1, 2, 3))
    with pytest.raises(UserError, match="works on colour images, got 1 channels"):
        apply("Lighting", noise(4, 4, 1), **PCA)
