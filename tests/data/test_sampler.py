from collections import Counter

import numpy as np
import pytest

from jaxcls.data.pipeline import Dataset, TrainBatches
from jaxcls.data.sampler import RandomSampler, RepeatAugSampler
from jaxcls.data.sources.base import Source
from jaxcls.data.transforms import RandomCrop
from jaxcls.errors import UserError


class Ramps(Source):
    classes = ("a",)

    @property
    def labels(self):
        return np.zeros(1000, np.int32)

    def __len__(self):
        return 1000

    def __getitem__(self, index):
        return {"image": np.arange(64, dtype=np.uint8).reshape(8, 8, 1), "label": index}


def test_shuffled_is_a_permutation_of_each_epoch():
    first, second = RandomSampler().epoch(50, 8, 0, 0), RandomSampler().epoch(50, 8, 0, 1)
    assert sorted(first) == sorted(second) == list(range(50))
    assert (first != second).any()


def test_repeat_aug_order():
    order = RepeatAugSampler().epoch(1000, 96, 0, 0)
    assert len(order) == 768  # three times 256, the largest multiple of selected_round
    repeated = np.repeat(RandomSampler().epoch(1000, 96, 0, 0)[:256], 3)
    for batch, expected in zip(order.reshape(8, 96), repeated.reshape(8, 96), strict=True):
        np.testing.assert_array_equal(batch, np.concatenate([expected[copy::3] for copy in range(3)]))
        for device in range(4):
            assert len(set(batch[device * 24 : (device + 1) * 24])) == 24
    assert RepeatAugSampler(selected_round=0).count(1000) == 1000
    assert RepeatAugSampler(selected_ratio=2).count(1000) == 384
    assert RepeatAugSampler(2, selected_round=0, selected_ratio=3).count(1000) == 333


def test_repeat_aug_transforms_each_copy_anew():
    dataset = Dataset(Ramps(), (RandomCrop(8, padding=4),))
    batches = TrainBatches(dataset, 96, seed=0, sampler=RepeatAugSampler())
    assert len(batches) == 8
    batch = batches[3]
    assert set(Counter(batch["label"].tolist()).values()) == {3}
    copies = batch["image"].reshape(3, 32, -1)
    assert np.mean([len(np.unique(copies[:, i], axis=0)) for i in range(32)]) > 2.5
    np.testing.assert_array_equal(TrainBatches(dataset, 96, 0, sampler=RepeatAugSampler())[3]["image"], batch["image"])
    halves = [TrainBatches(dataset, 96, 0, index, 2, RepeatAugSampler())[3]["label"] for index in range(2)]
    np.testing.assert_array_equal(np.concatenate(halves), batch["label"])


def test_refuses():
    with pytest.raises(UserError, match="expected num_repeats of 1 or more"):
        RepeatAugSampler(num_repeats=0)
    with pytest.raises(UserError, match="200 samples, less than selected_round=256"):
        RepeatAugSampler().count(200)
