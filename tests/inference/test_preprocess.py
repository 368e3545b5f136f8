"""Images of all kinds -> what the network sees in evaluation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from jaxcls.data.batches import EvalBatches
from jaxcls.data.decode import DamagedImageError
from jaxcls.data.pipeline import build_dataset
from jaxcls.errors import UserError
from jaxcls.inference import Preprocess
from jaxcls.inference.images import listed

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
READ = {"type": "LoadImageFromFile"}
CROP = [{"type": "Resize", "size": (12, -1)}, {"type": "CenterCrop", "crop_size": 8}]
NORMALIZE = {"type": "Normalize", "mean": [120.0, 110.0, 100.0], "std": [60.0, 50.0, 40.0]}


@pytest.fixture
def path(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), PIXELS[..., ::-1])
    return tmp_path / "a.png"


def kinds(path):
    return [str(path), path, path.read_bytes(), PIXELS, Image.open(path), Image.fromarray(PIXELS)]


@pytest.mark.parametrize("normalize", [NORMALIZE, {**NORMALIZE, "to_rgb": False}])
def test_each_kind_of_image_becomes_what_evaluation_sees(path, normalize):
    pipeline = [READ, *CROP, normalize]
    (path.parent / "a.txt").write_text("a.png 0\n")
    source = {"type": "CustomDataset", "data_prefix": str(path.parent), "ann_file": str(path.parent / "a.txt")}
    dataset = build_dataset({**source, "pipeline": pipeline})
    expected = dataset.normalize.on_device(EvalBatches(dataset, 1)[0]["image"])[0]
    preprocess = Preprocess(pipeline, (8, 8, 3))
    for image in kinds(path):
        np.testing.assert_array_equal(preprocess(image), expected)


def test_grey_and_colour_become_what_the_network_takes(path):
    grey = Preprocess([{**READ, "color_type": "grayscale"}], (20, 30, 1))
    expected = grey(path)
    assert (expected.shape, expected.dtype) == ((20, 30, 1), np.float32)
    for image in kinds(path):
        np.testing.assert_allclose(grey(image), expected, atol=1)  # libraries round the sum of the colours otherwise
    colour = Preprocess([READ], (20, 30, 3))
    for image in (PIXELS[..., 0], PIXELS[..., :1], Image.fromarray(PIXELS[..., 0])):
        np.testing.assert_array_equal(colour(image), np.repeat(PIXELS[..., :1], 3, 2))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_pipeline_that_neither_reads_nor_resizes_takes_files_of_any_size(path, channels):
    normalize = {"type": "Normalize", "mean": [128.0] * channels, "std": [64.0] * channels}
    preprocess = Preprocess([normalize], (8, 8, channels))
    for image in kinds(path):
        seen = preprocess(image)
        assert seen.shape == (8, 8, channels)
        assert abs(float(seen.mean())) < 0.5


def test_pillows_images_stand_upright_and_lose_their_alpha():
    image = Image.fromarray(PIXELS).convert("RGBA")
    image.getexif()[0x0112] = 6  # turned by a quarter
    np.testing.assert_array_equal(Preprocess([READ], (30, 20, 3))(image), np.rot90(PIXELS, -1))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (PIXELS.astype(np.float32), r"an array float32 \(20, 30, 3\); expected uint8 \(H, W, 3\) in RGB order"),
        (np.zeros((4, 4, 4), np.uint8), r"an array uint8 \(4, 4, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"an array uint8 \(2, 4, 4, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), r"an array uint8 \(0, 4, 3\)"),
        (Image.new("I;16", (4, 4)), "Pillow's mode 'I;16'; expected 8 bits a channel"),
        (Image.new("F", (4, 4)), "Pillow's mode 'F'"),
        (3, "an image of type int; expected a path, bytes"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(UserError, match=message):
        Preprocess([READ], (8, 8, 3))(image)


def test_what_cannot_be_read_is_named(tmp_path):
    preprocess = Preprocess([READ], (8, 8, 3))
    with pytest.raises(DamagedImageError, match=r"nothing\.png: cannot read the image"):
        preprocess(tmp_path / "nothing.png")
    with pytest.raises(DamagedImageError, match="an image given as bytes: not a readable image"):
        preprocess(b"no image")


def test_one_image_several_and_folders(path, caplog):
    folder = path.parent
    for name in ("b/d.png", "b/c.jpg", ".hidden.png", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"not read here")
    images = [folder / name for name in ("a.png", "b/c.jpg", "b/d.png")]
    assert listed(folder) == listed([str(folder)]) == images
    assert f"{folder}: left out: files with other suffixes: 1 .txt; hidden images and folders: 1" in caplog.text
    assert listed("x" * 300) == ["x" * 300]  # whoever reads it says so
    assert listed([path, folder]) == [path, *images]
    assert listed(str(path)) == [str(path)]
    for given, count in ((PIXELS, 1), (PIXELS[..., 0], 1), (np.stack([PIXELS] * 4), 4), (b"x", 1), ([], 0)):
        assert len(listed(given)) == count
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match="empty: no image in this folder; expected files"):
        listed(folder / "empty")
