import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.data.batch_augment import BatchCutMix, BatchResizeMix, build_batch_augments, soft_labels
from jaxcls.errors import UserError

N, H, W, K = 4, 12, 20, 5
LABELS = jnp.array([0, 1, 2, 4])
# Each image has its own constant value, so that a mixture's mean tells the shares.
CONSTANT = jnp.broadcast_to(jnp.array([1.0, 10.0, 100.0, 1000.0])[:, None, None, None], (N, H, W, 1))
VALUES = np.array([1.0, 10.0, 100.0, 0.0, 1000.0])
RAMP = jnp.asarray(np.random.default_rng(0).uniform(size=(N, H, W, 3)), jnp.float32)
MIXES = {
    "mixup": {"type": "BatchMixup", "alpha": 0.8},
    "cutmix": {"type": "BatchCutMix", "alpha": 1.0},
    "cutmix minmax": {"type": "BatchCutMix", "alpha": 1.0, "cutmix_minmax": (0.2, 0.8), "correct_lam": False},
    "resizemix": {"type": "BatchResizeMix", "alpha": 1.0},
    "resizemix nearest": {"type": "BatchResizeMix", "alpha": 1.0, "interpolation": "nearest"},
}


@functools.cache
def vmapped(name):
    return jax.jit(jax.vmap(build_batch_augments(MIXES[name], K), (0, None, None)))


def draw(name, seed=0):
    """Images and labels of many draws."""
    images, draws = (CONSTANT[:, :1, :1], 20000) if name == "mixup" else (CONSTANT, 3000)
    images, labels = vmapped(name)(jax.random.split(jax.random.key(seed), draws), images, LABELS)
    return np.asarray(images, np.float64), np.asarray(labels, np.float64)


drawn = functools.cache(draw)


def labels_alone(name, draws):
    """The labels (draws, N, K) of many draws, without the work for the images."""
    augment = build_batch_augments(MIXES[name], K)
    labels = jax.jit(jax.vmap(lambda key: augment(key, CONSTANT, LABELS)[1]))
    return np.asarray(labels(jax.random.split(jax.random.key(0), draws)), np.float64)


@pytest.mark.parametrize("name", MIXES)
def test_label_weights_equal_the_pixels_share(name):
    images, labels = drawn(name)
    assert images.shape[1] == N
    assert labels.shape[1:] == (N, K)
    np.testing.assert_allclose(labels.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(images.mean((2, 3, 4)), labels @ VALUES, rtol=2e-5)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "resizemix", "resizemix nearest"])
def test_expected_labels(name):
    labels = labels_alone(name, 42000)
    lam = 0.5 if name == "mixup" else 1 - _expected_area(*((0.1, 0.8) if "resize" in name else (0, 1)))
    own = labels.mean(0)[np.arange(N), np.asarray(LABELS)]
    np.testing.assert_allclose(own, lam + (1 - lam) / N, rtol=0.01)  # the other image is each with probability 1 / N


def _expected_area(least, largest):
    """The mean share of a box, the original's `rand_bbox`, for lam uniform in least..largest."""

    def side(length, share):
        half, centre = int(length * share) // 2, np.arange(length)
        return (np.clip(centre + half, 0, length) - np.clip(centre - half, 0, length)).mean() / length

    shares = np.sqrt(1 - np.linspace(least, largest, 10001))
    return np.mean([side(H, share) * side(W, share) for share in shares])


def test_lambda_is_beta_distributed_once_a_batch():
    _, labels = drawn("mixup")
    lam = np.sort(labels, -1)[..., -1]  # the larger share of each image that was mixed with another
    mixed = lam < 1 - 1e-6
    spread = (lam * mixed).max(1) - np.where(mixed, lam, np.inf).min(1)
    assert spread[mixed.any(1)].max() < 1e-6
    # Beta(a, a) has the variance 1 / (4 (2 a + 1)).
    first = np.where(mixed.any(1), np.where(mixed, lam, 0).max(1), np.nan)
    assert abs(np.nanmean((first - 0.5) ** 2) / (1 / (4 * 2.6)) - 1) < 0.02


def test_permutation_is_uniform():
    _, labels = drawn("cutmix minmax")
    partners = (labels[:, 0] > 0).mean(0)  # of image 0: itself always, and each of the others once in four
    np.testing.assert_allclose(partners, [1, 0.25, 0.25, 0, 0.25], atol=4 * np.sqrt(0.1875 / 3000))


def test_cutmix_area_is_what_lambda_says_when_not_cut_off():
    # Away from the sides the box has (1 - lam) of the area: E over lam is 1/2, what is cut off makes it less.
    keys = jax.random.split(jax.random.key(1), 40000)
    lam = jnp.linspace(0.001, 0.999, 40000)
    augment = BatchCutMix(alpha=1.0, num_classes=K)
    (top, bottom), (left, right) = jax.jit(jax.vmap(lambda k, s: augment.box(k, 9600, 6400, s)))(keys, lam)
    inside = (top > 0) & (bottom < 9600) & (left > 0) & (right < 6400)
    share = (bottom - top) * (right - left) / (9600 * 6400)
    np.testing.assert_allclose(share[inside], 1 - lam[inside], atol=2 / 9600 + 2 / 6400)  # sides cut to even numbers
    assert (top >= 0).all()
    assert (bottom <= 9600).all()
    assert float(share.mean()) == pytest.approx(_expected_share(), rel=0.01)


def _expected_share():
    """Numerically, with continuous boxes: a box of share r of a side about a uniform centre, cut off."""
    sides = np.sqrt(1 - np.linspace(0.001, 0.999, 4000))
    kept = sides * (1 - sides / 4)  # the mean length that is left
    return (kept**2).mean()


def test_correct_lam_false_keeps_the_drawn_one():
    augment = jax.jit(build_batch_augments({"type": "BatchCutMix", "alpha": 1.0, "correct_lam": False}, K))
    images, labels = augment(jax.random.key(3), CONSTANT, LABELS)
    assert not np.allclose(np.asarray(images).mean((1, 2, 3)), np.asarray(labels) @ VALUES, rtol=1e-3)


def test_minmax_bounds_the_sides():
    augment = BatchCutMix(alpha=1.0, cutmix_minmax=(0.25, 0.5), num_classes=K)
    keys = jax.random.split(jax.random.key(2), 500)
    (top, bottom), (left, right) = jax.jit(jax.vmap(lambda k: augment.box(k, 40, 60, 0.5)))(keys)
    assert set(np.unique(bottom - top)) == set(range(10, 20))
    assert set(np.unique(right - left)) == set(range(15, 30))
    assert int(top.min()) == int(left.min()) == 0
    assert int(bottom.max()) <= 40
    assert int(right.max()) <= 60


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_resizemix_pastes_the_whole_other_image(interpolation):
    augment = BatchResizeMix(alpha=1.0, num_classes=K, interpolation=interpolation)
    resized = jax.jit(augment.patch)
    patch = resized(RAMP, (jnp.array(3), jnp.array(9)), (jnp.array(5), jnp.array(15)))[:, 3:9, 5:15]
    halves = RAMP.reshape(N, 6, 2, 10, 2, 3)  # half the size: bilinear is the mean of four
    expected = halves.mean((2, 4)) if interpolation == "bilinear" else halves[:, :, 0, :, 0]
    np.testing.assert_allclose(patch, expected, rtol=1e-5)
    same = resized(RAMP, (jnp.array(0), jnp.array(H)), (jnp.array(0), jnp.array(W)))
    np.testing.assert_allclose(same, RAMP, rtol=1e-6)


def test_resizemix_limits_lambda():
    _, labels = drawn("resizemix")
    own = labels[np.arange(3000)[:, None], np.arange(N), np.asarray(LABELS)]
    assert own.min() >= 0.1 - 1e-6


def test_one_augment_a_batch_with_its_probability():
    config = [
        {"type": "BatchMixup", "alpha": 1.0, "prob": 0.3, "num_classes": K},
        {"type": "BatchCutMix", "alpha": 1.0, "prob": 0.5},
    ]
    keys = jax.random.split(jax.random.key(0), 4000)
    images, labels = jax.jit(jax.vmap(build_batch_augments(config, K), (0, None, None)))(keys, CONSTANT, LABELS)
    flat = np.asarray(images)[:, :, ::4, ::4].reshape(4000, N, -1)
    values = CONSTANT[:, 0, 0, 0]
    known = np.isin(flat, values).all((1, 2))
    untouched = np.isclose(flat, np.asarray(values)[:, None]).all((1, 2))
    # A batch whose permutation happens to be the identity (1 of 24) looks untouched too.
    assert abs((~known).mean() - 0.3 * 23 / 24) < 4 * np.sqrt(0.21 / 4000)
    assert untouched.mean() > 0.2
    one_hot = jax.nn.one_hot(LABELS, K)
    assert abs(np.isclose(labels, one_hot).all((1, 2)).mean() - 0.2) < 0.06


def test_identity_and_soft_labels():
    augment = build_batch_augments({"type": "Identity"}, K)
    images, labels = augment(jax.random.key(0), CONSTANT, LABELS)
    assert images is CONSTANT or (images == CONSTANT).all()
    np.testing.assert_array_equal(labels, jax.nn.one_hot(LABELS, K))
    several = jnp.array([[1, 1, 0, 0, 0]] * N)
    _, labels = jax.jit(build_batch_augments(MIXES["mixup"], K))(jax.random.key(0), CONSTANT, several)
    np.testing.assert_allclose(labels, several, rtol=1e-6)
    assert labels.dtype == jnp.float32


def test_the_key_alone_decides_and_the_dtype_stays():
    for name in ("mixup", "resizemix"):
        first, second, other = (draw(name, seed)[0] for seed in (4, 4, 5))
        np.testing.assert_array_equal(first, second)
        assert (first != other).any()
    for mix in MIXES.values():
        half, labels = jax.eval_shape(
            build_batch_augments(mix, K), jax.random.key(0), RAMP.astype(jnp.bfloat16), LABELS
        )
        assert (half.dtype, labels.dtype) == (jnp.bfloat16, jnp.float32)
        assert (half.shape, labels.shape) == (RAMP.shape, (N, K))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "BatchMixUp", "alpha": 1.0}, r"augments\[0\]: .*did you mean 'BatchMixup'"),
        ({"type": "BatchMixup"}, "needs 'alpha'"),
        ({"type": "BatchMixup", "alpha": 0.0}, "alpha=0.0: expected a number above 0"),
        ({"type": "BatchMixup", "alpha": 1.0, "prob": 1.5}, "prob=1.5"),
        ({"type": "BatchMixup", "alpha": 1.0, "num_classes": 10}, "num_classes=10, but the head has 5 classes"),
        ({"type": "BatchCutMix", "alpha": 1.0, "cutmix_minmax": (0.8, 0.2)}, "least < largest"),
        ({"type": "BatchResizeMix", "alpha": 1.0, "lam_min": 0.9}, "lam_min <= lam_max"),
        ({"type": "BatchResizeMix", "alpha": 1.0, "interpolation": "bicubic"}, "bilinear or nearest"),
        ([{"type": "BatchMixup", "alpha": 1.0}, {"type": "BatchCutMix", "alpha": 1.0, "prob": 0.5}], "sum to 1.5"),
    ],
)
def test_refuses(config, message):
    with pytest.raises(UserError, match=message):
        build_batch_augments(config, K)


def test_labels_become_shares_of_the_classes():
    np.testing.assert_array_equal(soft_labels(jnp.array([1, 0]), 2), [[0, 1], [1, 0]])
    # What is there but difficult counts as there, as in the heads.
    np.testing.assert_array_equal(soft_labels(jnp.array([[1, -1, 0]]), 3), [[1, 1, 0]])
