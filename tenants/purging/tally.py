from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    """What went, or would go: rows by model, files and their bytes; and how many rows had to stay.

    A row stays when it is being restored at that moment, or something refers to it still.
    """

    rows: Counter[Any] = field(default_factory=Counter)
    files: int = 0
    bytes: int = 0
    kept: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows.total() or self.files or self.kept)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.rows + other.rows,
            self.files + other.files,
            self.bytes + other.bytes,
            self.kept + other.kept,
        )
