"""ZIP archives, opened for the files in them. Nothing is written where a name in one says.

What is declared is checked before anything is unpacked, and `zipfile` unpacks no more of a member
than it declares.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile

from knowledge.files import clean_filename
from knowledge.ingestion.archives import ENCRYPTED, METHODS, overlap
from knowledge.ingestion.clean import clean_text
from knowledge.services import RefusedUpload

MAX_PATH = 1_000
_PIECE = 65_536
_UTF8_NAME = 0x800
_SMALL = 10_000_000  # bytes; below this no ratio is suspicious
_DIRECTORY_ENTRY = 1_000  # bytes; few entries of a directory take more
_NOBODYS = {"__MACOSX", "Thumbs.db", "desktop.ini"}  # what systems leave in folders


@dataclass(frozen=True)
class Bounds:
    """What an archive may hold: files, bytes once unpacked, and how many for each packed one."""

    members: int = 1_000
    size: int = 500_000_000
    ratio: int = 200


@dataclass(frozen=True)
class Member:
    """A file in an archive. `path` is how it is called there, with its folders."""

    path: str
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    @contextmanager
    def open(self) -> Iterator[TemporaryUploadedFile]:
        """The file unpacked, in a temporary one. Raises RefusedUpload."""
        if self.info.flag_bits & ENCRYPTED:
            raise RefusedUpload("The file is encrypted: pack it without a password.")
        if self.info.compress_type not in METHODS:
            raise RefusedUpload("The file is packed by an unusual method: pack it as plain ZIP.")
        if self.info.file_size > settings.MAX_UPLOAD_BYTES:
            limit = f"{settings.MAX_UPLOAD_BYTES / 1e6:g} MB"
            raise RefusedUpload(f"The file is too large: at most {limit} are taken.")
        name = clean_filename(self.path)
        with TemporaryUploadedFile(name, "", self.info.file_size, None) as unpacked:
            self._unpack(unpacked)
            unpacked.seek(0)
            yield unpacked

    def _unpack(self, unpacked: Any) -> None:
        try:
            with self.archive.open(self.info) as packed:
                while piece := packed.read(_PIECE):
                    unpacked.write(piece)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
            raise RefusedUpload("The file is damaged in the archive.") from error


@contextmanager
def opened_archive(file: IO[bytes], *, bounds: Bounds) -> Iterator[list[Member]]:
    """The files of a ZIP archive in the order of their paths, without folders and what systems
    leave there. Raises RefusedUpload for what is no such archive or passes the bounds."""
    try:
        _refuse_large_directory(file, bounds)
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise RefusedUpload("The file is no ZIP archive, or a damaged one.") from error
    with archive:
        infos = archive.infolist()
        _refuse_document(infos)
        _refuse_bomb(infos, bounds)
        if overlap(infos, archive.start_dir):
            raise RefusedUpload("The files in the archive overlap, as in no archive of documents.")
        members = [Member(_path(info), archive, info) for info in infos if not info.is_dir()]
        yield sorted((m for m in members if not is_nobodys(m.path)), key=lambda m: m.path)


def _refuse_large_directory(file: IO[bytes], bounds: Bounds) -> None:
    """`ZipFile` reads the whole directory into memory, however many entries it has."""
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if end is None:
        raise zipfile.BadZipFile
    if end[zipfile._ECD_SIZE] > bounds.members * _DIRECTORY_ENTRY:  # type: ignore[attr-defined]
        raise _too_many(bounds)


def _refuse_document(infos: list[zipfile.ZipInfo]) -> None:
    names = {info.filename for info in infos}
    if "[Content_Types].xml" in names or (infos and infos[0].filename == "mimetype"):
        raise RefusedUpload("The file is a document, not an archive of some: upload it as one.")


def _refuse_bomb(infos: list[zipfile.ZipInfo], bounds: Bounds) -> None:
    if len(infos) > bounds.members:
        raise _too_many(bounds)
    size = sum(info.file_size for info in infos)
    if size > bounds.size:
        raise RefusedUpload(
            f"The archive unpacks to {size / 1e6:,.0f} MB; at most {bounds.size / 1e6:,.0f} are"
            " taken at once. Split it."
        )
    if size > max(_SMALL, bounds.ratio * sum(info.compress_size for info in infos)):
        raise RefusedUpload(
            f"The archive unpacks to more than {bounds.ratio} times its size, as no archive of"
            " documents does."
        )


def _too_many(bounds: Bounds) -> RefusedUpload:
    return RefusedUpload(
        f"The archive has too many files: at most {bounds.members:,} are taken at once. Split it."
    )


def _path(info: zipfile.ZipInfo) -> str:
    """What a member is called, as a path that leads nowhere else; it only says where it was."""
    name = info.filename
    if not info.flag_bits & _UTF8_NAME:
        name = _as_utf8(name)
    return clean_path(name)


def clean_path(name: str) -> str:
    """A relative path by "/", without "..", drives and what cannot be seen; never empty."""
    parts = [
        " ".join(clean_text(part).split())
        for part in name.replace("\\", "/").split("/")
        if part not in ("", ".", "..")
    ]
    if parts and len(parts[0]) == 2 and parts[0].endswith(":"):
        parts = parts[1:]
    return "/".join(filter(None, parts))[-MAX_PATH:] or clean_filename("")


def _as_utf8(name: str) -> str:
    """Many programs write UTF-8 without saying so."""
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def is_nobodys(path: str) -> bool:
    """Whether a file is hidden, or one that systems leave in folders for themselves."""
    parts = PurePosixPath(path).parts
    return any(part in _NOBODYS or part.startswith(".") for part in parts)
