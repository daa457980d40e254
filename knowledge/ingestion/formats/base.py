"""What a format is: one module that recognizes its files by their content and reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from knowledge.ingestion.decode import decode_head
from knowledge.ingestion.formats.containers import kind_of_container
from knowledge.ingestion.reading import Limits, Reading

HEAD_BYTES = 65_536


@dataclass(frozen=True)
class Sample:
    """What is known of a file before it is read: where it lies, its name, size and first bytes."""

    path: Path
    filename: str
    size: int
    head: bytes

    @classmethod
    def of(cls, path: Path, *, filename: str) -> "Sample":
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        return cls(path=path, filename=filename, size=path.stat().st_size, head=head)

    @cached_property
    def text(self) -> str | None:
        """The beginning of the file as text, roughly decoded; None if it is not text."""
        return decode_head(self.head, complete=self.size <= len(self.head))

    @cached_property
    def container(self) -> str:
        """The usual extension for what a ZIP or OLE file holds; "" for a file that is neither.

        Raises UnreadableDocument for an archive that is damaged or hostile.
        """
        return kind_of_container(self.path, self.head)

    @property
    def extension(self) -> str:
        """The extension the file was given, in lower case without the dot. It proves nothing."""
        return PurePath(self.filename).suffix.lower().removeprefix(".")


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file. `read` may need minutes and much memory: it belongs in a child process.

    `file_type` is the usual extension, `label` what people call the format, or ""
    where another format names it too. `recognizes` looks at
    the sample only, of a container at its directory too. `read` raises UnreadableDocument, and so
    does `refuse_long`, quickly, for what `read` would refuse for its length.
    """

    file_type: str
    label: str
    recognizes: Callable[[Sample], bool]
    read: Callable[[Path, Limits], Reading]
    refuse_long: Callable[[Path, Limits], None] = lambda path, limits: None
