import cv2
import numpy as np
import pytest

from jaxcls.data.pipeline import Dataset, EvalBatches, TrainBatches, build_dataset, build_pipeline
from jaxcls.data.sources.base import Source
from jaxcls.data.transforms import RandomCrop, RandomFlip, Resize
from jaxcls.errors import UserError

LOAD, NORMALIZE = {"type": "LoadImageFromFile"}, {"type": "Normalize", "mean": [1.0, 2.0, 3.0], "std": [4.0, 5.0, 6.0]}


class Numbers(Source):
    """Image i is full of i."""

    def __init__(self, length=50, shapes=((8, 8, 1),)):
        self.classes = ("even", "odd")
        self._length, self._shapes = length, shapes

    @property
    def labels(self):
        return np.arange(self._length, dtype=np.int32) % 2

    def __len__(self):
        return self._length

    def __getitem__(self, index):
        return {"image": np.full(self._shapes[index % len(self._shapes)], index % 256, np.uint8), "label": index % 2}


NUMBERS = {"type": "test_pipeline:Numbers"}


def numbers(batch):
    return batch["image"][:, 0, 0, 0].tolist()


@pytest.fixture
def random_dataset():
    ramp = Numbers(50)
    return Dataset(ramp, (RandomCrop(8, padding=4, pad_val=255), RandomFlip(), RandomFlip(direction="vertical")))


def test_build_dataset_takes_an_original_pipeline(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "x.png"), np.full((4, 4, 3), (10, 20, 30), np.uint8))
    pipeline = [
        LOAD,
        {"type": "Resize", "size": 6},
        {"type": "RandomFlip", "flip_prob": 0.5},
        dict(**NORMALIZE, to_rgb=False),
        {"type": "ImageToTensor", "keys": ["img"]},
        {"type": "ToTensor", "keys": ["gt_label"]},
        {"type": "Collect", "keys": ["img", "gt_label"]},
    ]
    dataset = build_dataset({"type": "CustomDataset", "data_prefix": str(tmp_path), "pipeline": pipeline})
    assert [type(t).__name__ for t in dataset.transforms] == ["LoadImageFromFile", "Resize", "RandomFlip"]
    assert dataset.normalize.bgr
    assert dataset.classes == ("a", "b")
    assert dataset.labels.tolist() == [0, 1]
    sample = dataset.sample(1, np.random.default_rng(0))
    assert sample["image"].shape == (6, 6, 3)
    assert sample["image"][0, 0].tolist() == [30, 20, 10]
    assert sample["label"] == 1


@pytest.mark.parametrize(
    ("load", "to_rgb", "bgr"), [(True, True, False), (True, False, True), (False, True, False), (False, False, False)]
)
def test_to_rgb_means_something_for_files_alone(load, to_rgb, bgr):
    *_, normalize = build_pipeline([LOAD] * load + [dict(**NORMALIZE, to_rgb=to_rgb)])
    assert normalize.bgr is bgr


def test_pipeline_without_normalize():
    assert build_pipeline([{"type": "RandomFlip"}]) == ((RandomFlip(),), (), None)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            dict(**NUMBERS, pipeline=[NORMALIZE, {"type": "RandomFlip"}]),
            "last image transform, once; got Normalize, R",
        ),
        (dict(**NUMBERS, pipeline=[NORMALIZE, NORMALIZE]), "once; got Normalize, Normalize"),
        (dict(**NUMBERS, pipeline=[LOAD]), "Numbers gives images; remove LoadImageFromFile"),
        (dict(**NUMBERS, length=0), r"data\.train: the source has no samples"),
        (
            dict(**NUMBERS, pipeline=[{"type": "RandmFlip"}]),
            r"data\.train\.pipeline\[0\]: 'RandmFlip' is not in .* 'RandomFlip'",
        ),
        ({"type": "Minst"}, r"data\.train: 'Minst' is not in .*did you mean 'MNIST'"),
        (dict(**NUMBERS, prefix=1), "no argument 'prefix'"),
    ],
)
def test_build_dataset_refuses(config, message):
    with pytest.raises(UserError, match=message):
        build_dataset(config)


def test_file_source_needs_load(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").touch()
    with pytest.raises(UserError, match="CustomDataset gives file names; begin with LoadImageFromFile"):
        build_dataset({"type": "CustomDataset", "data_prefix": str(tmp_path)})
    with pytest.raises(UserError, match="begin with LoadImageFromFile"):
        build_dataset({"type": "CustomDataset", "data_prefix": str(tmp_path), "pipeline": [{"type": "RandomFlip"}]})


def test_build_dataset_needs_a_dict():
    with pytest.raises(UserError, match=r"data\.train: expected a dict with a 'type', got None"):
        build_dataset(None)


@pytest.mark.parametrize(
    ("length", "batch_size", "steps"), [(50_000, 128, 391), (60_000, 128, 469), (5, 8, 1), (8, 4, 2)]
)
def test_steps_per_epoch(length, batch_size, steps):
    train = TrainBatches(Dataset(Numbers(length)), batch_size, 0)
    assert train.steps_per_epoch == len(train) == len(EvalBatches(Dataset(Numbers(length)), batch_size)) == steps


def test_an_epoch_holds_every_sample_and_wraps_round():
    batches = TrainBatches(Dataset(Numbers(50)), 16, 3)
    epochs = [[n for i in range(4) for n in numbers(batches[4 * epoch + i])] for epoch in range(3)]
    for epoch in epochs:
        assert sorted(epoch[:50]) == list(range(50))
        assert epoch[50:] == epoch[:14]
    assert epochs[0] != epochs[1] != epochs[2]
    assert batches[0]["image"].shape == (16, 8, 8, 1)
    assert batches[0]["image"].dtype == np.uint8
    assert batches[0]["label"].dtype == np.int32
    assert batches[0]["label"].tolist() == [n % 2 for n in numbers(batches[0])]


def test_a_batch_larger_than_the_dataset():
    batch = numbers(TrainBatches(Dataset(Numbers(3)), 8, 0)[5])
    assert sorted(batch[:3]) == [0, 1, 2]
    assert batch == (batch[:3] * 3)[:8]


def test_seed_and_epoch_change_order_and_randomness(random_dataset):
    def images(seed, step):
        return TrainBatches(random_dataset, 50, seed)[step]["image"]

    np.testing.assert_array_equal(images(1, 0), images(1, 0))
    assert not np.array_equal(images(1, 0), images(2, 0))
    assert not np.array_equal(images(1, 0), images(1, 1))
    assert numbers(TrainBatches(Dataset(Numbers(50)), 50, 1)[0]) != numbers(
        TrainBatches(Dataset(Numbers(50)), 50, 2)[0]
    )


def test_samples_of_a_batch_differ_in_their_randomness():
    dataset = Dataset(Numbers(1, ((30, 30, 1),)), (RandomCrop(30, padding=15, pad_val=255),))
    images = TrainBatches(dataset, 64, 0)[0]["image"]  # one sample, repeated
    assert len({image.tobytes() for image in images}) > 50


@pytest.mark.parametrize("kind", ["train", "eval"])
def test_shares_of_processes_make_up_the_batch(random_dataset, kind):
    def batches(**process):
        if kind == "train":
            return TrainBatches(random_dataset, 16, 0, **process)
        return EvalBatches(random_dataset, 16, **process)

    for step in (0, 3):
        whole = batches()[step]
        shares = [batches(process_index=i, process_count=4)[step] for i in range(4)]
        for key, value in whole.items():
            np.testing.assert_array_equal(np.concatenate([share[key] for share in shares]), value)


def test_evaluation_reads_everything_once():
    batches = EvalBatches(Dataset(Numbers(50)), 16)
    read = [number for batch in batches for number, mask in zip(numbers(batch), batch["mask"], strict=True) if mask]
    assert read == list(range(50))
    assert batches[3]["mask"].tolist() == [1.0] * 2 + [0.0] * 14
    assert batches[3]["mask"].dtype == np.float32
    assert numbers(batches[3])[2:] == [49] * 14


def test_evaluation_randomness_is_fixed(random_dataset):
    for step in range(4):
        np.testing.assert_array_equal(
            EvalBatches(random_dataset, 16)[step]["image"], EvalBatches(random_dataset, 16)[step]["image"]
        )


def test_images_of_different_shape():
    dataset = Dataset(Numbers(6, ((8, 8, 3), (8, 9, 3))))
    with pytest.raises(UserError, match=r"\(8, 8, 3\) and \(8, 9, 3\); end the pipeline's geometry with Resize"):
        EvalBatches(dataset, 4)[0]
    assert EvalBatches(Dataset(dataset.source, (Resize(8),)), 4)[0]["image"].shape == (4, 8, 8, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"batch_size": 10, "seed": 0, "process_count": 4},
            "batch_size=10: expected a positive multiple of the 4 processes",
        ),
        ({"batch_size": 0, "seed": 0}, "batch_size=0"),
        ({"batch_size": 8, "seed": -1}, "seed=-1: expected 0 or more"),
    ],
)
def test_batches_refuse(arguments, message):
    with pytest.raises(UserError, match=message):
        TrainBatches(Dataset(Numbers()), **arguments)


class Several(Numbers):
    def __getitem__(self, index):
        return {**super().__getitem__(index), "label": np.array([1, 0, -(index % 2)], np.int32)}


def test_several_labels_an_image():
    batch = EvalBatches(Dataset(Several(5)), 4)[1]
    np.testing.assert_array_equal(batch["label"], [[1, 0, 0]] * 4)
    assert batch["label"].dtype == np.int32
    assert batch["mask"].tolist() == [1, 0, 0, 0]
    train = TrainBatches(Dataset(Several(5)), 4, seed=0)[0]
    np.testing.assert_array_equal(train["label"][:, 2], -(train["image"][:, 0, 0, 0].astype(int) % 2))
