"""Birds and cars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcls.data.sources.files import FileSource, class_names, image_folder, read_lines
from jaxcls.data.sources.naming import chosen
from jaxcls.errors import UserError
from jaxcls.paths import expand


class CUB(FileSource):
    """Caltech-UCSD Birds 200, 2011 (https://www.vision.caltech.edu/datasets/cub_200_2011).

    Args:
        data_prefix: the folder `images`.
        ann_file: `images.txt`.
        image_class_labels_file: `image_class_labels.txt`.
        train_test_split_file: `train_test_split.txt`.
        classes: which of the classes, in which order, or a text file with one a line. None: all. Their names are the
            folders', without the numbers.
        test_mode: the test images instead of the training ones.

    Raises:
        UserError: a missing file, or files that do not fit each other.
    """

    def __init__(
        self,
        data_prefix: str,
        ann_file: str,
        image_class_labels_file: str,
        train_test_split_file: str,
        classes: str | Sequence[str] | None = None,
        test_mode: bool = False,
    ) -> None:
        folder = image_folder(data_prefix)
        columns = {file: _second_column(file) for file in (ann_file, image_class_labels_file, train_test_split_file)}
        if len({len(column) for column in columns.values()}) != 1:
            lengths = ", ".join(f"{file}: {len(column)}" for file, column in columns.items())
            raise UserError(f"CUB: the files differ in length: {lengths}")
        names, labels, splits = columns.values()
        wanted, own = "0" if test_mode else "1", _folder_names(names, labels)
        samples = [
            (name, int(label) - 1) for name, label, part in zip(names, labels, splits, strict=True) if part == wanted
        ]
        super().__init__(folder, *_of_classes(samples, own, class_names(classes), ann_file))


def _of_classes(
    samples: Sequence[tuple[str, int]], own: Sequence[str], given: Sequence[str] | None, where: str
) -> tuple[list[str], list[int], tuple[str, ...]]:
    """The file names and labels of the samples of the given classes, and these."""
    if wrong := [label + 1 for _, label in samples if not 0 <= label < len(own)]:
        raise UserError(f"{where}: label {wrong[0]}, but there are {len(own)} classes: 1..{len(own)}")
    classes, places = chosen(own, given, where)
    kept = [(name, int(places[label])) for name, label in samples if places[label] >= 0]
    return [name for name, _ in kept], [label for _, label in kept], classes


def _folder_names(names: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """`001.Black_footed_Albatross/...` of class 1 -> `Black_footed_Albatross`."""
    found = {int(label): name.partition("/")[0].partition(".")[2] for name, label in zip(names, labels, strict=True)}
    return tuple(found[label] for label in sorted(found))


def _second_column(path: str) -> list[str]:
    column = [line.partition(" ")[2] for line in read_lines(path)]
    if "" in column:
        raise UserError(f"{path}:{column.index('') + 1}: expected two columns")
    return column


class StanfordCars(FileSource):
    """Stanford Cars, 196 classes (Krause et al., "3D Object Representations for Fine-Grained Categorization", 2013).

    Args:
        data_prefix: the folder with `cars_train`, `cars_test` and `devkit`.
        test_mode: the test images instead of the training ones.
        ann_file: None: `devkit/cars_train_annos.mat` or `devkit/cars_test_annos_withlabels.mat`.
        classes: which of the classes in `devkit/cars_meta.mat`, in which order, or a text file with one a line. None:
            all. Where that file is not there, the names of all classes, in the order of their numbers.

    Raises:
        UserError: a missing or damaged file, or SciPy is not installed.
    """

    def __init__(
        self,
        data_prefix: str,
        test_mode: bool = False,
        ann_file: str | None = None,
        classes: str | Sequence[str] | None = None,
    ) -> None:
        root = image_folder(data_prefix)
        default = "cars_test_annos_withlabels.mat" if test_mode else "cars_train_annos.mat"
        annotations = _load_mat(expand(ann_file) if ann_file else root / "devkit" / default, "annotations")
        # Each record: the box's four sides, the class from 1 on, the file's name.
        samples = [(str(record[5][0]), int(record[4][0][0]) - 1) for record in annotations]
        given, meta = class_names(classes), root / "devkit" / "cars_meta.mat"
        own = given if given and not meta.exists() else tuple(str(name[0]) for name in _load_mat(meta, "class_names"))
        folder = root / ("cars_test" if test_mode else "cars_train")
        super().__init__(folder, *_of_classes(samples, own, given, str(meta)))


def _load_mat(path: Path, key: str) -> Any:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise UserError("StanfordCars needs SciPy: pip install scipy") from error
    try:
        return loadmat(path)[key][0]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: expected a MATLAB file with {key!r}: {error!r}") from error
