from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxcls.data.pipeline import build_transform
from jaxcls.data.transforms.operation import Operation
from jaxcls.errors import UserError

few = settings(max_examples=40, deadline=None)
IMAGE = np.random.default_rng(0).integers(0, 256, (24, 30, 3), np.uint8)


def build(name, **arguments):
    return build_transform({"type": name, **arguments})


def solarized_from(magnitude_level, draws=300, **arguments):
    """The thresholds that RandAugment chose, read off a ramp."""
    policy = {"type": "Solarize", "magnitude_range": (0, 200), "prob": 1.0}
    transform = build(
        "RandAugment", policies=[policy], num_policies=1, magnitude_level=magnitude_level, total_level=20, **arguments
    )
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    images = [transform({"image": ramp}, np.random.default_rng(seed))["image"].ravel() for seed in range(draws)]
    return np.array([np.argmax(image != np.arange(256)) for image in images])


@few
@given(
    st.sampled_from(["AutoAugment", "RandAugment"]),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 3]),
    st.integers(0, 999),
)
def test_shape_dtype_and_label_stay(name, height, width, channels, seed):
    arguments = {"policies": "imagenet"} if name == "AutoAugment" else {"policies": "timm_increasing"}
    if name == "RandAugment":
        arguments |= {"num_policies": 3, "magnitude_level": 30, "magnitude_std": 0.5}
    image = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    before = image.copy()
    transform = build(name, **arguments)
    sample, again = (transform({"image": image, "label": 3}, np.random.default_rng(seed)) for _ in range(2))
    assert (sample["image"].shape, sample["image"].dtype, sample["label"]) == (image.shape, np.uint8, 3)
    np.testing.assert_array_equal(sample["image"], again["image"])
    np.testing.assert_array_equal(image, before)


def test_auto_augment_takes_each_sequence_as_often():
    sequences = [[{"type": "Solarize", "thr": thr, "prob": 1.0}] for thr in (10, 20, 30)]
    transform = build("AutoAugment", policies=sequences)
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    counts = Counter(
        int(np.argmax(transform({"image": ramp}, np.random.default_rng(seed))["image"].ravel() != np.arange(256)))
        for seed in range(900)
    )
    assert set(counts) == {10, 20, 30}
    assert all(abs(count - 300) < 4 * np.sqrt(200) for count in counts.values())


def test_auto_augment_applies_a_sequence_in_order():
    steps = [{"type": "Posterize", "bits": 1, "prob": 1.0}, {"type": "Solarize", "thr": 1, "prob": 1.0}]
    result = build("AutoAugment", policies=[steps])({"image": IMAGE}, np.random.default_rng(0))["image"]
    np.testing.assert_array_equal(result, np.where(IMAGE < 128, 0, 127))


def test_the_imagenet_policies():
    sequences = build("AutoAugment", policies="imagenet").sequences
    assert len(sequences) == 25
    assert {len(sequence) for sequence in sequences} == {2}
    assert all(isinstance(step, Operation) for sequence in sequences for step in sequence)


def test_the_increasing_policies():
    transform = build("RandAugment", policies="timm_increasing", num_policies=2, magnitude_level=9, total_level=10)
    at_nine = {type(choice.at(0.9)).__name__: choice.at(0.9) for choice in transform.choices}
    assert len(transform.choices) == 15
    assert at_nine["Rotate"].angle == pytest.approx(27)
    assert at_nine["Posterize"].bits == pytest.approx(0.4)
    assert at_nine["Solarize"].thr == pytest.approx(25.6)
    assert at_nine["Translate"].magnitude == pytest.approx(0.405)
    assert at_nine["Invert"].prob == 0.5


def test_rand_augment_level_without_noise():
    assert set(solarized_from(5)) == {50}
    assert set(solarized_from(5, magnitude_std=-1)) == {50}


def test_rand_augment_level_with_normal_noise():
    thresholds = solarized_from(5, magnitude_std=1.0) - 0.5  # the first value that is not below
    assert abs(thresholds.mean() - 50) < 4 * 10 / np.sqrt(300)
    assert abs(thresholds.std() / 10 - 1) < 0.17
    assert solarized_from(19, magnitude_std=5.0).max() == 200  # cut to total_level


def test_rand_augment_level_with_uniform_noise():
    thresholds = solarized_from(10, magnitude_std="inf")
    assert thresholds.min() >= 0
    assert thresholds.max() <= 100
    assert abs(thresholds.mean() - 50.5) < 4 * 29 / np.sqrt(300)


def test_rand_augment_draws_with_repetition():
    add = {"type": "SolarizeAdd", "magnitude": 1, "thr": 255, "prob": 1.0}
    keep = {"type": "Solarize", "thr": 256, "prob": 1.0}
    transform = build("RandAugment", policies=[add, keep], num_policies=3, magnitude_level=0)
    zero = np.zeros((1, 1, 1), np.uint8)
    added = Counter(int(transform({"image": zero}, np.random.default_rng(s))["image"][0, 0, 0]) for s in range(800))
    for times, share in enumerate((1 / 8, 3 / 8, 3 / 8, 1 / 8)):
        assert abs(added[times] / 800 - share) < 4 * np.sqrt(share * (1 - share) / 800)


def test_magnitude_key_may_name_another_argument():
    policy = {"type": "SolarizeAdd", "magnitude": 1, "magnitude_key": "thr", "magnitude_range": (0, 90)}
    transform = build("RandAugment", policies=[policy], num_policies=1, magnitude_level=10, total_level=30)
    assert transform.choices[0].at(1 / 3).thr == 30


def test_hparams_go_where_they_fit_and_are_not_set():
    policies = [
        {"type": "Rotate", "angle": 5},
        {"type": "Shear", "magnitude": 0.1, "pad_val": 7, "interpolation": "nearest"},
        {"type": "Invert"},
    ]
    arguments = {"num_policies": 1, "magnitude_level": 1}
    default = build("RandAugment", policies=policies, **arguments)
    given_ones = build(
        "RandAugment", policies=policies, hparams={"pad_val": [1, 2, 3], "interpolation": "bicubic"}, **arguments
    )
    assert default.choices[0].transform.pad_val == 128
    rotate, shear, _ = (choice.transform for choice in given_ones.choices)
    assert (rotate.pad_val, rotate.interpolation) == ((1, 2, 3), "bicubic")
    assert (shear.pad_val, shear.interpolation) == (7, "nearest")
    (step,) = build("AutoAugment", policies=[policies[:1]], hparams={"pad_val": 9}).sequences[0]
    assert step.pad_val == 9


RAND = {"type": "RandAugment", "num_policies": 2, "magnitude_level": 9}
RANGED = {"type": "Rotate", "magnitude_range": (0, 30)}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "AutoAugment", "policies": "cifar"}, r"policies='cifar': Allowed: imagenet, or a list"),
        ({"type": "AutoAugment", "policies": []}, "a name or a list that is not empty"),
        (
            {"type": "AutoAugment", "policies": [{"type": "Invert"}]},
            "policies: .*; expected text or a list of lists of dicts",
        ),
        ({"type": "AutoAugment", "policies": [[{"type": "Invrt"}]]}, r"policies\[0\]\[0\]: .*did you mean 'Invert'"),
        ({**RAND, "policies": "timm"}, "timm_increasing"),
        ({**RAND, "policies": [RANGED], "num_policies": 0}, "num_policies=0: expected 1 or more"),
        ({**RAND, "policies": [RANGED], "magnitude_level": -1}, "magnitude_level=-1"),
        ({**RAND, "policies": [RANGED], "total_level": 0}, "total_level=0"),
        ({**RAND, "policies": [RANGED], "magnitude_std": "infinite"}, "expected a number or 'inf'"),
        (
            {**RAND, "policies": [RANGED], "hparams": {"pad_vale": 1}},
            "hparams has no key 'pad_vale'; did you mean 'pad_val'",
        ),
        ({**RAND, "policies": [{"type": "Invert", "magnitude_range": (0, 1)}]}, "Invert has no magnitude"),
        ({**RAND, "policies": [{"type": "Rotate", "angle": 1, "magnitude_key": "angle"}]}, "but no magnitude_range"),
        ({**RAND, "policies": [{"type": "Rotate", "magnitude_range": 30}]}, "expected two numbers"),
        ({**RAND, "policies": [{"type": "Posterize", "magnitude_range": (4, 9)}]}, r"bits=9.*expected 0\.\.8"),
        ({**RAND, "policies": ["Rotate"]}, "policies: .*; expected text or a list of dicts"),
    ],
)
def test_refuses(config, message):
    with pytest.raises(UserError, match=message):
        build_transform(config)
