"""The image files in and below class folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jaxcls.data.sources.files import some
from jaxcls.data.sources.text import Problems

Identity = tuple[int, int]  # of a real folder: device and inode


@dataclass
class LeftOut:
    """What is no image, or not to be read.

    Attributes:
        suffixes: files by suffix, hidden ones apart.
        hidden: folders and images whose names begin with a dot.
        specials: pipes, sockets and devices.
        links: paths of links to folders that have their place among the class folders, or hold these.
    """

    suffixes: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    specials: int = 0
    links: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        parts = []
        if self.suffixes:
            listed = ", ".join(f"{count:,} {suffix or 'without'}" for suffix, count in self.suffixes.most_common(5))
            parts.append(f"files with other suffixes: {listed}{', ...' if len(self.suffixes) > 5 else ''}")
        if self.hidden:
            parts.append(f"hidden images and folders: {self.hidden:,}")
        if self.specials:
            parts.append(f"pipes, sockets and devices: {self.specials:,}")
        if self.links:
            parts.append(f"links to folders that have their place here, or hold this one: {some(sorted(self.links))}")
        return "; ".join(parts)


class Walk:
    """Reads each real folder once, and no hidden ones.

    A link to a folder elsewhere is followed. A link to a folder that is read already, lies in a class folder, or holds
    the class folders is not. Two classes cannot share a folder: its images would have two labels. A link to a file is
    an image, as a copy would be.

    Attributes:
        images: class folder -> paths of its images, relative to the root.
        left_out: what else is there.
        problems: folders that cannot be read, or that two classes share.

    Args:
        root: the folder of the class folders.
        folders: which of them to read.
        extensions: of image files, in lower case.
    """

    def __init__(self, root: Path, folders: Sequence[str], extensions: tuple[str, ...]) -> None:
        self.root, self.extensions, self.left_out, self.problems = root, extensions, LeftOut(), Problems()
        self.images: dict[str, list[str]] = {folder: [] for folder in folders}
        self._owners: dict[Identity, str] = {}  # class folder of each real folder
        self._by_link: set[Identity] = set()  # those that only a link led to
        self._links: list[tuple[str, str]] = []  # class folder, path
        for folder in [folder for folder in folders if self._claim(folder, folder)]:
            self._read(folder, folder)
        for folder, link in self._links:  # it grows meanwhile
            self._follow(folder, link)

    def _identity(self, path: str) -> Identity | None:
        try:
            status = os.stat(os.path.join(self.root, path))
        except OSError as error:
            self._note(path, f"cannot be read: {error.strerror}")
            return None
        return status.st_dev, status.st_ino

    def _note(self, path: str, problem: str) -> None:
        self.problems.add(os.path.join(self.root, path), problem)

    def _claim(self, owner: str, path: str, by_link: bool = False) -> bool:
        """Whether a folder is new, and the class's to read."""
        identity = self._identity(path)
        if identity is None:
            return False
        if identity in self._owners:
            if (other := self._owners[identity]) != owner:
                self._note(path, f"is in class {other!r}, too: its images would have two labels")
            return False
        self._owners[identity] = owner
        if by_link:
            self._by_link.add(identity)
        return True

    def _follow(self, owner: str, link: str) -> None:
        identity = self._identity(link)
        known = identity in self._owners and (self._owners[identity] == owner or identity not in self._by_link)
        if known or self._has_its_place(link):
            self.left_out.links.append(link)
        elif self._claim(owner, link, by_link=True):
            self._read(owner, link, by_link=True)

    def _has_its_place(self, link: str) -> bool:
        """Whether a link leads to a folder that lies in a class folder, or to the root or a folder around it."""
        root, target = os.path.realpath(self.root), os.path.realpath(os.path.join(self.root, link))
        common = os.path.commonpath((root, target))
        return common == target or (common == root and f"{os.sep}." not in target.removeprefix(root))

    def _read(self, owner: str, top: str, by_link: bool = False) -> None:
        folders = [top]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(os.path.join(self.root, folder)) as found:
                    entries = sorted(
                        found, key=lambda entry: entry.name
                    )  # which link comes first is the same everywhere
            except OSError as error:
                self._note(folder, f"cannot be read: {error.strerror}")
                continue
            for entry in entries:
                path = os.path.join(folder, entry.name)
                if self._is_folder(owner, entry, path) and self._claim(owner, path, by_link):
                    folders.append(path)

    def _is_folder(self, owner: str, entry: os.DirEntry[str], path: str) -> bool:
        """Whether the entry is a real folder to be read; what else it may be is noted."""
        is_folder, is_image = entry.is_dir(follow_symlinks=False), path.lower().endswith(self.extensions)
        if entry.name.startswith("."):
            self.left_out.hidden += is_folder or is_image
        elif is_folder:
            return True
        elif entry.is_symlink() and os.path.isdir(entry.path):
            self._links.append((owner, path))
        elif not entry.is_file(follow_symlinks=False) and os.path.exists(entry.path) and not os.path.isfile(entry.path):
            self.left_out.specials += 1
        elif is_image:  # also a broken link: whoever reads it says so
            self.images[owner].append(path)
        else:
            self.left_out.suffixes[os.path.splitext(path)[1].lower()] += 1
        return False
