from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxcls.data.batches import TrainBatches
from jaxcls.data.dataset import Dataset
from jaxcls.data.loader import Loader
from jaxcls.data.pipeline import build_pipeline
from jaxcls.data.transforms import RandomErasing, RandomFlip, RandomShift
from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError
from tests.data.broken import Broken
from tests.engine.tiny import train

IMAGES = np.random.default_rng(0).integers(1, 255, (512, 16, 12, 3), np.uint8)


@pytest.mark.parametrize(("direction", "axis"), [("horizontal", 2), ("vertical", 1)])
def test_flips_are_drawn_for_each_image(direction, axis):
    flip = RandomFlip(0.25, direction, on_device=True)
    given = np.asarray(jax.jit(flip.augment_images)(jax.random.key(0), IMAGES))
    same = (given == IMAGES).all((1, 2, 3))
    flipped = (given == np.flip(IMAGES, axis)).all((1, 2, 3))
    assert np.all(same ^ flipped)
    assert abs(flipped.mean() - 0.25) < 0.06


def test_flips_in_turn():
    flip, index = RandomFlip(0.3, on_device=True, alternate=True), np.arange(len(IMAGES))

    def flipped(epoch, index=index, images=IMAGES):
        given = jax.jit(flip.augment_in_turn)(jax.random.key(epoch), images, index, np.full_like(index, epoch))
        return (np.asarray(given) == np.flip(images, 2)).all((1, 2, 3))

    first = flipped(0)
    assert abs(first.mean() - 0.3) < 0.06
    np.testing.assert_array_equal(flipped(1), ~first)
    np.testing.assert_array_equal(flipped(2), first)
    other = np.random.default_rng(0).permutation(index)
    np.testing.assert_array_equal(flipped(4, other, IMAGES[other]), first[other])
    with pytest.raises(UserError, match="alternate=True needs on_device=True"):
        RandomFlip(alternate=True)


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge", "constant"])
def test_shifts_are_crops_of_the_padded_image(mode):
    shift = RandomShift(2, mode, on_device=True)
    padded = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)), mode)
    moved = np.stack([padded[:, r : r + 16, c : c + 12] for r in range(5) for c in range(5)])
    given = np.asarray(jax.jit(shift.augment_images)(jax.random.key(0), IMAGES))
    rng = np.random.default_rng(0)
    for images in (given, np.stack([shift.transform(image, rng) for image in IMAGES])):
        matches = (moved == images).all((2, 3, 4))
        assert matches.any(0).all()
        counts = (matches / matches.sum(0)).sum(1)  # a uniform draw of 25
        assert ((counts - len(IMAGES) / 25) ** 2).sum() / (len(IMAGES) / 25) < 51  # chi-squared, 24 degrees: 0.1 %


def test_shifts_that_cannot_be():
    with pytest.raises(UserError, match="most=0: expected a positive int"):
        RandomShift(0)
    with pytest.raises(UserError, match="most=12 is not less than the image's sides"):
        RandomShift(12).transform(IMAGES[0], np.random.default_rng(0))


def erased(transform, key=0):
    given = np.asarray(jax.jit(transform.augment_images)(jax.random.key(key), IMAGES))
    assert given.dtype == np.uint8
    return given, (given != IMAGES).any(-1)


def test_erasing_paints_rectangles_of_the_asked_size():
    transform = RandomErasing(0.8, 0.1, 0.3, (0.5, 2.0), fill_color=(0, 0, 255), on_device=True)
    given, masks = erased(transform)
    shares = []
    for image, mask in zip(given, masks, strict=True):
        if not mask.any():
            continue
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()  # a rectangle
        assert (image[mask] == (0, 0, 255)).all()
        assert 0.3 < len(rows) / len(columns) < 3.3  # rounded to whole pixels
        shares.append(mask.mean())
    assert abs(len(shares) / len(IMAGES) - 0.8) < 0.06
    assert 0.06 < min(shares) < max(shares) < 0.36
    assert abs(np.mean(shares) - 0.2) < 0.02


def test_erasing_with_noise():
    noise = erased(RandomErasing(1.0, 0.5, 0.5, 1.0, "rand", on_device=True))
    values = noise[0][noise[1]].astype(float)
    assert abs(values.mean() - 127.5) < 1
    assert abs(values.std() - 73.9) < 1
    normal = erased(RandomErasing(1.0, 0.5, 0.5, 1.0, "rand", (60, 120, 180), 10, on_device=True))
    values = normal[0][normal[1]].astype(float)
    np.testing.assert_allclose(values.mean(0), (60, 120, 180), atol=1)
    np.testing.assert_allclose(values.std(0), 10, atol=0.5)


def test_the_steps_of_the_device_come_last():
    flip, erase = {"type": "RandomFlip", "on_device": True}, {"type": "RandomErasing", "on_device": True}
    host, device, normalize = build_pipeline([{"type": "Resize", "size": 8}, flip, erase])
    assert [type(step).__name__ for step in (*host, *device)] == ["Resize", "RandomFlip", "RandomErasing"]
    assert normalize is None
    with pytest.raises(UserError, match=r"has to come after the host's transforms; got RandomFlip, Resize"):
        build_pipeline([flip, {"type": "Resize", "size": 8}])


def test_a_training_with_them(tmp_path):
    from tests import recipe

    pipeline = [{"type": "RandomFlip", "on_device": True}, {"type": "RandomErasing", "on_device": True}]
    data = recipe.get_config().to_dict()["data"]
    train_data = {**data["train"], "split": "train[:256]"}
    normalize = train_data["pipeline"][-1]
    train_data["pipeline"] = [*pipeline, normalize]
    val = {**data["val"], "split": "test[:64]"}
    first, again = (
        train(tmp_path / name, data={"batch_size": 32, "num_workers": 1, "train": train_data, "val": val})
        for name in ("a", "b")
    )
    assert jax.tree.all(jax.tree.map(np.array_equal, first.state, again.state))
    val["pipeline"] = [*pipeline, normalize]
    with pytest.raises(UserError, match=r"data\.val\.pipeline: what has on_device=True is random"):
        train(tmp_path / "c", data={"batch_size": 32, "num_workers": 1, "train": train_data, "val": val})


@pytest.mark.parametrize("parallel", ["pmap", "shard_map", "fsdp"])
def test_a_training_with_all_images_on_the_device(parallel, tmp_path):
    """The same as from the host, bit for bit; flips in turn know image and epoch either way."""
    from tests import recipe

    data = recipe.get_config().to_dict()["data"]
    *_, normalize = data["train"]["pipeline"]
    own = [{"type": "RandomFlip", "on_device": True, "alternate": True}, {"type": "RandomShift", "on_device": True}]
    train_data = {**data["train"], "split": "train[:100]", "pipeline": [*own, normalize]}
    data = {"batch_size": 32, "num_workers": 1, "train": train_data}
    runs = [
        train(tmp_path / str(resident), data={**data, "on_device": resident}, parallel=parallel)
        for resident in (False, True)
    ]
    assert jax.tree.all(jax.tree.map(np.array_equal, *(run.state for run in runs)))
    assert "100 training images are on the device, 0 MiB" in next((tmp_path / "True").glob("*.log")).read_text()
    flip = {"type": "RandomFlip"}
    data["train"]["pipeline"] = [flip, normalize]
    with pytest.raises(
        UserError, match=r"data\.on_device=True reads each image once, and RandomFlip would not change it"
    ):
        train(tmp_path / "c", data={**data, "on_device": True})


@pytest.mark.parametrize("worker_type", ["thread", "process"])
def test_skipped_images_are_counted_in_the_log(worker_type, caplog, monkeypatch):
    monkeypatch.setattr(get_logger(), "propagate", True)
    batches = TrainBatches(Dataset(Broken(), on_error="skip"), 8, 0)
    with Loader(batches, 2, worker_type=worker_type) as loader:
        list(loader.iterate(0, 10))
    said = list(dict.fromkeys(message for message in caplog.messages if "takes its place" in message))
    assert sorted(message.partition(";")[0] for message in said) == [f"picture {i} is damaged" for i in (0, 10, 20, 30)]
    # two workers count and say it in their own order
    assert sorted(message.rpartition("(")[2] for message in said) == [f"{i} so far)" for i in (1, 2, 3, 4)]
    few = TrainBatches(Dataset(Broken(), on_error="skip", max_errors=2), 8, 0)
    with Loader(few, 1, worker_type=worker_type) as loader, pytest.raises(UserError, match="3 damaged images"):
        list(loader.iterate(0, 10))
    few.dataset.damaged.clear()
    # of two workers' the fourth ends the run where its batch comes before that of the third that was found
    message = r"[34] damaged images, max_errors=2; the last: picture \d+ is damaged"
    with Loader(few, 2, worker_type=worker_type) as loader, pytest.raises(UserError, match=message):
        list(loader.iterate(0, 10))
