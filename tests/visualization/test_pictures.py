import numpy as np
import pytest

from jaxcls.visualization import pictures
from jaxcls.visualization.pictures import RIGHT, Line, captioned, fitted

ROWS = [Line("truth: cat", RIGHT), "predicted: dog 0.93"]


@pytest.mark.parametrize(
    ("shape", "size"),
    [((8, 8, 1), (320, 320)), ((30, 20, 3), (320, 300)), ((2000, 1000, 3), (320, 640)), ((1, 3000, 3), (640, 1))],
)
def test_pictures_of_any_size_are_readable(shape, size):
    picture = captioned(np.full(shape, 77, np.uint8), ROWS)
    assert (picture.width, picture.height - 52) == size
    pixels = np.asarray(picture)
    assert pixels[0, picture.width // 2].tolist() == [77] * 3
    caption = pixels[-52:]
    assert (caption == [26, 127, 55]).all(-1).any()  # RIGHT, in the letters
    assert (caption[[0, -1]] == 255).all()
    assert captioned(np.zeros(shape, np.uint8), []).height == size[1]


def test_a_line_too_long_is_cut():
    assert fitted("two\nwords", 300) == "two words"
    cut = fitted("x" * 500, 100)
    assert cut.endswith("x…")
    assert pictures.font().getlength(cut) <= 100
    assert fitted("猫 é", 300) == "猫 é"
