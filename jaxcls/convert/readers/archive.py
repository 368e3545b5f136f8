"""The members of a zip file, whose directory is checked before any of them is read."""

from __future__ import annotations

import io
import itertools
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from jaxcls.convert.readers.tensor import Blob, File
from jaxcls.errors import UserError

_MEMBERS = 2**16
_DIRECTORY = 2**23  # bytes
_CHUNK = 2**20
_RATIO, _SMALL = 100, 2**24  # a member that grows more than so many times, and beyond so many bytes, is a bomb
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass
class Member:
    """A file in an archive.

    Attributes:
        name: its path in the archive.
        nbytes: its size.
        compressed: whether it is deflated.
    """

    file: File
    name: str
    nbytes: int
    packed: int
    compressed: bool
    crc: int
    start: int
    _verified: bool = field(default=False, init=False)

    def blob(self, start: int = 0) -> Blob:
        """The member's bytes from `start` on."""
        if self.compressed:
            return Blob(self.file, start, self.nbytes - start, self.open, self.verify)
        return Blob(self.file, self.start + start, self.nbytes - start, None, self.verify)

    def open(self) -> BinaryIO:
        """The member's bytes as a stream, to be closed by the caller."""
        return cast(BinaryIO, _Inflated(self)) if self.compressed else _window(self)

    def read(self) -> bytes:
        """All its bytes; for small members."""
        self.verify()
        with self.open() as stream:
            return stream.read(self.nbytes)

    def verify(self) -> None:
        """Compares the bytes with the checksum that the archive notes.

        Raises:
            UserError: they differ.
        """
        if self._verified or self.crc == 0:  # 0: PyTorch was told to compute none
            return
        found, left = 0, self.nbytes
        with self.open() as stream:
            while left and (chunk := stream.read(min(_CHUNK, left))):
                found, left = zlib.crc32(chunk, found), left - len(chunk)
        if left or found != self.crc:
            raise UserError(f"{self.file.path} is damaged: {self.name!r} is not what was written, its checksum differs")
        self._verified = True


def _window(member: Member) -> BinaryIO:
    stream = member.file.open()
    stream.seek(member.start)
    return stream


class _Inflated(io.RawIOBase):
    """A deflated member's bytes; a place before the last one read is reached from the beginning."""

    def __init__(self, member: Member) -> None:
        self._member, self._source = member, member.file.open()
        self._rewind()

    def _rewind(self) -> None:
        self._source.seek(self._member.start)
        self._inflate, self._place, self._left = zlib.decompressobj(-15), 0, self._member.packed

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        if place < self._place:
            self._rewind()
        while self._place < place and self._next(min(_CHUNK, place - self._place)):
            pass
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def,override]
        values = self._next(len(buffer))
        buffer[: len(values)] = values
        return len(values)

    def _next(self, count: int) -> bytes:
        values = b""
        while not values and not self._inflate.eof and count:
            packed = self._inflate.unconsumed_tail
            if not packed:
                packed = self._source.read(min(_CHUNK, self._left))
                self._left -= len(packed)
            if not packed:
                break
            try:
                values = self._inflate.decompress(packed, count)
            except zlib.error as error:
                path, name = self._member.file.path, self._member.name
                raise UserError(f"{path} is damaged: {name!r} cannot be unpacked: {error}") from error
        self._place += len(values)
        return values

    def close(self) -> None:
        self._source.close()
        super().close()


def read_archive(file: File) -> dict[str, Member]:
    """Name -> member of a zip file; folders are left out.

    Raises:
        UserError: a directory that is damaged or that no checkpoint has: members that overlap, appear twice, are
            links, are encrypted, lead out of the archive or unpack to many times their size.
    """
    with file.open() as stream:
        _check_directory_size(stream, file.size)
        try:
            with zipfile.ZipFile(stream) as archive:
                infos = archive.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
            raise UserError(f"its zip directory is damaged or cut off ({error})") from error
        members = [_member(file, stream, info) for info in infos if not info.is_dir()]
    _check_apart(file, members)
    named = {member.name: member for member in members}
    if len(named) < len(members):
        names = [member.name for member in members]
        twice = sorted({name for name in names if names.count(name) > 1}) if len(names) < 1000 else ["some"]
        raise UserError(f"its zip directory has {', '.join(twice[:3])} twice")
    return named


def _check_directory_size(stream: BinaryIO, size: int) -> None:
    """Refuses a directory that would take long to read; what is no directory is left to `zipfile`."""
    start = max(0, size - 2**16 - 22)
    stream.seek(start)
    tail = stream.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) < place + 20:
        return
    count, nbytes = struct.unpack("<HI", tail[place + 10 : place + 16])
    if nbytes == 2**32 - 1 and (locator := tail.rfind(b"PK\6\6")) >= 0:
        count, nbytes = struct.unpack("<QQ", tail[locator + 32 : locator + 48].ljust(16, b"\0"))
    if count > _MEMBERS or nbytes > _DIRECTORY:
        raise UserError(f"its zip directory has {count} members in {nbytes} bytes; expected at most {_MEMBERS}")


def _member(file: File, stream: BinaryIO, info: zipfile.ZipInfo) -> Member:
    name = info.filename
    if info.flag_bits & 0x1:
        raise UserError(f"its member {name!r} is encrypted")
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
        raise UserError(f"its member {name!r} leads out of the archive")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UserError(f"its member {name!r} is a symbolic link")
    if info.compress_type not in _COMPRESSIONS:
        raise UserError(f"its member {name!r} is packed by method {info.compress_type}; expected stored or deflated")
    if info.file_size > max(_SMALL, _RATIO * info.compress_size):
        raise UserError(f"its member {name!r} would unpack {info.compress_size} bytes to {info.file_size}: a zip bomb")
    stored = info.compress_type == zipfile.ZIP_STORED
    if stored and info.file_size != info.compress_size:
        raise UserError(f"its member {name!r} is stored, but its two sizes differ")
    start = _data_start(stream, info)
    if start + info.compress_size > file.size:
        raise UserError(f"its member {name!r} reaches over the file's end: cut off")
    return Member(file, name, info.file_size, info.compress_size, not stored, info.CRC, start)


def _data_start(stream: BinaryIO, info: zipfile.ZipInfo) -> int:
    stream.seek(max(info.header_offset, 0))
    header = stream.read(30)
    if len(header) < 30 or header[:4] != b"PK\3\4":
        raise UserError(f"its member {info.filename!r} is not where the zip directory says")
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    if stream.read(name_length) != info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437"):
        raise UserError(f"its member {info.filename!r} has another name than in the zip directory")
    return info.header_offset + 30 + name_length + extra_length


def _check_apart(file: File, members: list[Member]) -> None:
    members = sorted(members, key=lambda member: member.start)
    for before, after in itertools.pairwise(members):
        if before.start + before.packed > after.start - 30 - len(after.name):
            raise UserError(f"its members {before.name!r} and {after.name!r} overlap")
