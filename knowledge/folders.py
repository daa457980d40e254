"""Files of this machine to import: one, those of a folder, or those in a ZIP archive."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from knowledge.archives import Bounds, clean_path, is_nobodys, opened_archive
from knowledge.imports import Entry
from knowledge.services import RefusedUpload

# Who runs commands has the machine already: these only keep a mistake from filling it.
BOUNDS = Bounds(members=100_000, size=100_000_000_000, ratio=200)


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine. `path` is how it is called from the folder that is imported."""

    path: str
    file: Path

    @contextmanager
    def open(self) -> Iterator[UploadedFile]:
        """Raises RefusedUpload for what cannot be read."""
        try:
            opened = self.file.open("rb")
        except OSError as error:
            raise RefusedUpload(f"The file cannot be read: {error.strerror}.") from error
        with opened:
            yield UploadedFile(opened, name=self.file.name, size=os.fstat(opened.fileno()).st_size)


@contextmanager
def entries_at(path: Path) -> Iterator[Sequence[Entry]]:
    """The files of a folder or of a ZIP archive in the order of their paths, or a file itself.

    Raises RefusedUpload for an archive that is none, and OSError.
    """
    if path.is_dir():
        yield list(_files_in(path))
    elif path.suffix.lower() == ".zip":
        with path.open("rb") as file, opened_archive(file, bounds=BOUNDS) as members:
            yield members
    else:
        path.stat()
        yield [LocalFile(clean_path(path.name), path)]


def _files_in(folder: Path) -> Iterator[LocalFile]:
    """Links are followed to files within the folder only, and never to folders: no circle."""
    root = folder.resolve()
    found: list[Any] = []
    for directory, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not is_nobodys(name)]
        found += [Path(directory, name) for name in names if not is_nobodys(name)]
    for file in sorted(found, key=lambda file: file.relative_to(folder).as_posix()):
        if file.is_file() and file.resolve().is_relative_to(root):
            yield LocalFile(clean_path(file.relative_to(folder).as_posix()), file)


def _raise(error: OSError) -> None:
    raise error
