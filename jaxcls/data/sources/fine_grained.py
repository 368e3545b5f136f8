"""Birds and cars."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcls.data.sources.files import FileSource, class_names, image_folder, some
from jaxcls.data.sources.naming import chosen
from jaxcls.data.sources.text import Problems, filled_lines, quoted
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
        paths = _read_column(ann_file, ".+", "a path")
        labels = _read_column(image_class_labels_file, "[1-9][0-9]{0,8}", "a class number from 1 on")
        splits = _read_column(train_test_split_file, "[01]", "1 for training or 0 for testing")
        _check_numbers({ann_file: paths, image_class_labels_file: labels, train_test_split_file: splits})
        own = _folder_names(list(paths.values()), list(labels.values()))
        wanted = [number for number, part in splits.items() if part == ("0" if test_mode else "1")]
        samples = [(paths[number], int(labels[number]) - 1) for number in wanted]
        super().__init__(folder, *_of_classes(samples, own, class_names(classes), str(expand(ann_file))))


def _of_classes(
    samples: Sequence[tuple[str, int]], own: Sequence[str], given: Sequence[str] | None, where: str
) -> tuple[list[str], list[int], tuple[str, ...]]:
    """The file names and labels of the samples of the given classes, and these."""
    if wrong := [label + 1 for _, label in samples if not 0 <= label < len(own)]:
        raise UserError(f"{where}: label {wrong[0]}, but there are {len(own)} classes: 1..{len(own)}")
    classes, places = chosen(own, given, where)
    kept = [(name, int(places[label])) for name, label in samples if places[label] >= 0]
    return [name for name, _ in kept], [label for _, label in kept], classes


def _folder_names(paths: Sequence[str], labels: Sequence[str]) -> tuple[str, ...]:
    """`001.Black_footed_Albatross/...` of class 1 -> `Black_footed_Albatross`."""
    found = {int(label): path.partition("/")[0].partition(".")[2] for path, label in zip(paths, labels, strict=True)}
    if missing := sorted(set(range(1, len(found) + 1)) - found.keys()):
        raise UserError(f"CUB: no image is of class {missing[0]}, but the largest number is {max(found)}")
    return tuple(found[label] for label in sorted(found))


def _read_column(file: str, pattern: str, what: str) -> dict[str, str]:
    """The lines `number value` of a file: image number -> value."""
    path, problems, column = expand(file), Problems(), {}
    for number, line in filled_lines(path):
        image, *rest = line.split(None, 1)
        if not (rest and re.fullmatch(pattern, rest[0], re.ASCII)):
            problems.add(f"{path}:{number}", f"expected two columns, an image's number and {what}; got {quoted(line)}")
        elif image in column:
            problems.add(f"{path}:{number}", f"image {image} is there already")
        else:
            column[image] = rest[0]
    problems.check()
    return column


def _check_numbers(columns: Mapping[str, Mapping[str, str]]) -> None:
    if len({len(column) for column in columns.values()}) != 1:
        lengths = ", ".join(f"{expand(file)}: {len(column)}" for file, column in columns.items())
        raise UserError(f"CUB: the files differ in length: {lengths}")
    (first, numbers), *others = columns.items()
    for file, column in others:
        if odd := sorted(column.keys() ^ numbers.keys()):
            raise UserError(f"CUB: only one of {expand(first)} and {expand(file)} has the images {some(odd)}")


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
        path = expand(ann_file) if ann_file else root / "devkit" / default
        annotations = _load_mat(path, "annotations")
        try:  # each record: the box's four sides, the class from 1 on, the file's name
            samples = [(str(record[5][0]), int(record[4][0][0]) - 1) for record in annotations]
        except (IndexError, TypeError, ValueError) as error:
            raise UserError(f"{path}: expected records of a box, a class and a file's name: {error}") from error
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
        return loadmat(io.BytesIO(path.read_bytes()))[key][0]
    except Exception as error:  # SciPy's readers raise many kinds for damaged files
        reason = error.strerror if isinstance(error, OSError) and error.strerror else repr(error)
        raise UserError(f"{path}: expected a MATLAB file with {key!r}: {reason}") from error
