"""What a ZIP archive says of itself is looked at before anything in it is unpacked.

Office documents are ZIP archives, and they come from strangers: one of 42 kB can claim, and give,
petabytes. `open_archive` refuses by the archive's own directory; `Archive.open` never gives more
than that directory promised.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from itertools import pairwise
from pathlib import Path
from typing import IO

from knowledge.ingestion.reading import Limits, UnreadableDocument

DAMAGED = "The file is damaged or incomplete. Open it, save it anew and upload that."
_SUSPICIOUS = (
    "The file is built in a way that no program writes. Open it, save it anew and upload that."
)
_TOO_LARGE = "Unpacked, the file would be larger than {:,} MB. Split it into parts."
_TOO_DENSE = (
    "The file unpacks to more than {} times its size, as files do that are made to harm. Open it,"
    " save it anew and upload that."
)
_ENCRYPTED = "The file is protected by a password. Remove the password and upload it again."

MAX_MEMBERS = 10_000
MAX_RATIO = 250  # of one member; deflate reaches 1,032, sheets of empty cells about 100
_SMALL = 8 * 1024**2  # a member this small may have any ratio
_DIRECTORY_BYTES = 4 * 1024**2
_STREAMED_AT_ONCE = 1024**2
_READ_BYTES = 256 * 1024**2  # by one reader, what it reads twice included

# The end record: signature, disk and disk of the directory, entries twice, size, offset, comment.
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")  # stands before the end record of archives too large for it
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_LONGEST_COMMENT = 65_535
_LOCAL_HEADER_BYTES = 30
ENCRYPTED = 0x1  # of a member's flags
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others can ask for gigabytes of memory
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")

# All that zipfile was seen to raise for archives with broken bytes.
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    UnicodeError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


class Archive:
    """An archive whose directory has been found sound. Members are known by their exact names."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._left = _READ_BYTES
        self._sizes = {member.filename: member.file_size for member in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._sizes

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._sizes)

    def size(self, name: str) -> int:
        """The bytes that a member has unpacked. KeyError if there is none of that name."""
        return self._sizes[name]

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A member to read from, of which no more comes than its declared size. What is broken in
        it, also when that shows only while reading, raises UnreadableDocument, and so does reading
        too much in all."""
        self._left -= self.size(name)
        if self._left < 0:
            raise UnreadableDocument(_TOO_LARGE.format(_READ_BYTES // 10**6))
        with _damage_refused(), self._archive.open(name) as member:
            yield member

    def read(self, name: str, *, at_most: int) -> bytes:
        """A whole member. One of more than `at_most` bytes raises UnreadableDocument."""
        if self.size(name) > at_most:
            raise UnreadableDocument(_TOO_LARGE.format(at_most // 10**6))
        with self.open(name) as member:
            return member.read()

    def pieces(self, name: str) -> Iterator[bytes]:
        """A member piece by piece to its end, where its size and checksum have been found right.

        What is handed to a program that unpacks for itself is looked through like this before.
        """
        member = copy(self._archive.getinfo(name))
        member.file_size += 1  # so that a member larger than it says shows itself
        left = self.size(name)
        with _damage_refused(), self._archive.open(member) as file:
            while piece := file.read(_STREAMED_AT_ONCE):
                left -= len(piece)
                if left < 0:
                    raise UnreadableDocument(_SUSPICIOUS)
                yield piece
        if left:
            raise UnreadableDocument(DAMAGED)


@contextmanager
def _damage_refused() -> Iterator[None]:
    try:
        yield
    except _BROKEN:
        raise UnreadableDocument(DAMAGED)


@contextmanager
def open_archive(path: Path, limits: Limits | None = None) -> Iterator[Archive]:
    """A ZIP archive that is safe to read from. Raises UnreadableDocument with the reason if not.

    Archives within it are members like others: nothing here opens them.
    """
    limits = limits or Limits()
    with path.open("rb") as file:
        end = _refuse_large_directory(file)
        with _damage_refused():
            archive = zipfile.ZipFile(file)
        with archive:
            _refuse_hostile(archive.infolist(), end=end, limits=limits)
            yield Archive(archive)


def _refuse_large_directory(file: IO[bytes]) -> int:
    """Where the directory ends at the latest. Reading it costs memory and time by its size, so
    that is looked at first."""
    size = file.seek(0, 2)
    tail_start = file.seek(max(0, size - _END.size - _LONGEST_COMMENT - _LOCATOR.size))
    tail = file.read()
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) < at + _END.size:
        raise UnreadableDocument(DAMAGED)
    *_, entries, directory_bytes, _, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail):
        raise UnreadableDocument(DAMAGED)
    located = tail[max(0, at - _LOCATOR.size) : at]
    if located.startswith(_LOCATOR_SIGNATURE):
        # Only archives of 4 GB or 65,535 members need this, and some programs always write it.
        file.seek(max(0, tail_start + at - _LOCATOR.size - 56))
        record = file.read(56)
        if len(record) < 56 or not record.startswith(b"PK\x06\x06"):
            raise UnreadableDocument(DAMAGED)
        entries, directory_bytes = struct.unpack_from("<QQ", record, 32)
    if entries > MAX_MEMBERS or directory_bytes > _DIRECTORY_BYTES:
        raise _too_many_members()
    return tail_start + at


def _refuse_hostile(members: list[zipfile.ZipInfo], *, end: int, limits: Limits) -> None:
    if len(members) > MAX_MEMBERS:
        raise _too_many_members()
    if sum(member.file_size for member in members) > limits.unpacked_bytes:
        raise UnreadableDocument(_TOO_LARGE.format(limits.unpacked_bytes // 10**6))
    for member in members:
        if member.flag_bits & ENCRYPTED:
            raise UnreadableDocument(_ENCRYPTED)
        if member.file_size > max(_SMALL, MAX_RATIO * member.compress_size):
            raise UnreadableDocument(_TOO_DENSE.format(MAX_RATIO))
        if member.compress_type not in METHODS or _leads_elsewhere(member.orig_filename):
            raise UnreadableDocument(_SUSPICIOUS)
    if len({member.filename.casefold() for member in members}) < len(members):
        raise UnreadableDocument(_SUSPICIOUS)
    if overlap(members, end):
        raise UnreadableDocument(_SUSPICIOUS)


def _leads_elsewhere(name: str) -> bool:
    """Whether a member's name, taken for a path, leads out of the archive or hides its end."""
    parts = name.replace("\\", "/").split("/")
    return bool(_ABSOLUTE.match(name)) or ".." in parts or "\0" in name or not name


def overlap(members: list[zipfile.ZipInfo], end: int) -> bool:
    """Whether members share bytes with each other or with what begins at `end`, as in archives that
    unpack one kernel thousands of times."""
    extents = [
        (
            member.header_offset,
            _LOCAL_HEADER_BYTES + len(member.orig_filename) + member.compress_size,
        )
        for member in members
    ]
    return any(
        start < 0 or start + length > following
        for (start, length), (following, _) in pairwise([*sorted(extents), (end, 0)])
    )


def _too_many_members() -> UnreadableDocument:
    return UnreadableDocument(
        f"The file is an archive of more than {MAX_MEMBERS:,} parts. Split it into parts."
    )
