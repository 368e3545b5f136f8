"""A folder of images: one folder a class, or an annotation file."""

from __future__ import annotations

from collections.abc import Sequence

from jaxcls.data.sources.annotations import read_annotations
from jaxcls.data.sources.files import EXTENSIONS, FileSource, class_names, image_folder
from jaxcls.data.sources.folders import read_folders


class CustomDataset(FileSource):
    """Image files, given by their path.

    Args:
        data_prefix: the folder with the images.
        ann_file: a text file of `path label` lines, paths relative to `data_prefix`. None: each folder in
            `data_prefix` is a class, in alphabetical order, with all images in and below it. Hidden files and folders
            are left out.
        classes: names, or a text file with one a line. Of class folders: which of them to read, in which order; None:
            all. Of an annotation file: the names of the labels 0, 1, ...; None: these numbers.
        extensions: of the image files in class folders, case ignored.
        test_mode: only a mark, as in the original.

    Raises:
        UserError: a missing file or folder, a class without a folder or without images, an annotation that does not
            parse, or a label beyond the classes.
    """

    def __init__(
        self,
        data_prefix: str,
        ann_file: str | None = None,
        classes: str | Sequence[str] | None = None,
        extensions: str | Sequence[str] = EXTENSIONS,
        test_mode: bool = False,
    ) -> None:
        folder, names = image_folder(data_prefix), class_names(classes)
        if ann_file is None:
            suffixes = (extensions,) if isinstance(extensions, str) else extensions
            found = read_folders(folder, names, tuple(suffix.lower() for suffix in suffixes))
        else:
            found = read_annotations(ann_file, names)
        super().__init__(folder, *found)
