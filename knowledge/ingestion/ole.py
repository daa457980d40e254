"""The names in an OLE compound file, the container of Office documents before 2007 [MS-CFB]."""

import struct
from pathlib import Path
from typing import IO

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_HEADER = struct.Struct("<30xH16xL")  # up to the first sector of the directory
_TABLES_AT = 76  # where the header lists the first 109 sectors of the allocation table
_TABLES = struct.Struct("<109L")
_ENTRY_BYTES = 128
_DIRECTORY_SECTORS = 256  # a document has some twenty entries, one with many objects some hundred


def stream_names(path: Path) -> set[str]:
    """The names of streams and storages in a compound file; what is damaged ends the list."""
    names: set[str] = set()
    with path.open("rb") as file:
        header = file.read(512)
        if len(header) < 512 or not header.startswith(SIGNATURE):
            return names
        shift, sector = _HEADER.unpack_from(header)
        if shift not in (9, 12):  # sectors of 512 or 4,096 bytes
            return names
        tables = _TABLES.unpack_from(header, _TABLES_AT)
        for _ in range(_DIRECTORY_SECTORS):
            directory = _sector(file, sector, shift)
            for at in range(0, len(directory) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
                length = int.from_bytes(directory[at + 64 : at + 66], "little")
                name = directory[at : at + min(max(length - 2, 0), 62)]
                names.add(name.decode("utf-16-le", errors="replace"))
            following = _following(file, sector, shift, tables)
            if following is None:
                break
            sector = following
    return names - {""}


def _sector(file: IO[bytes], number: int, shift: int) -> bytes:
    file.seek((number + 1) << shift)
    return file.read(1 << shift)


def _following(file: IO[bytes], sector: int, shift: int, tables: tuple[int, ...]) -> int | None:
    """The sector after this one in its chain, or None at the chain's end."""
    per_table = 1 << (shift - 2)
    if sector // per_table >= len(tables):
        return None
    table = _sector(file, tables[sector // per_table], shift)
    at = 4 * (sector % per_table)
    following = int.from_bytes(table[at : at + 4], "little") if len(table) >= at + 4 else 0
    return following if 0 < following < 0xFFFFFFFA else None
