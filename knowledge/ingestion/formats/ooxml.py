"""Parts of an Office Open XML package (ECMA-376), read one by one and no further than needed.

python-docx and python-pptx load every part of a package, pictures included, fail when one is
missing, and take neither macro-enabled nor strict documents. Here the wanted parts alone are
streamed from the archive: no entity is expanded, nothing is fetched, and memory does not grow with
the part.
"""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from lxml import etree  # type: ignore[import-untyped]

from knowledge.ingestion.archives import DAMAGED, Archive
from knowledge.ingestion.reading import UnreadableDocument

_SMALL_PART_BYTES = 16 * 1024**2
DECLARES = (
    "The file declares entities of its own, as no Office program does. Open it, save it anew and"
    " upload that."
)
_MOST_ELEMENTS = 500_000  # asked for in one part; each takes some microseconds, empty or not
# libxml2 holds depth (256) and the length of a text (10 MB) without `huge_tree`.
_SAFE = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}

Element = Any


def local(element: Element) -> str:
    """An element's name without its namespace, which differs between transitional and strict."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """An attribute by its local name."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return None


def child(element: Element | None, name: str) -> Element | None:
    return next((e for e in element if local(e) == name), None) if element is not None else None


def descendants(element: Element, *names: str) -> Iterator[Element]:
    return element.iter(*(f"{{*}}{name}" for name in names))


def parse_part(archive: Archive, name: str) -> Element:
    """The root of a small part. Raises UnreadableDocument if it is damaged or too large."""
    data = archive.read(name, at_most=_SMALL_PART_BYTES)
    with damage_refused():
        root = etree.fromstring(data, etree.XMLParser(**_SAFE))
        refuse_declarations(root)
        return root


def stream(file: IO[bytes], *names: str) -> Iterator[Element]:
    """The outermost elements of these local names, one after another; each is forgotten when the
    next is asked for. What is damaged raises UnreadableDocument on the way."""
    depth = count = 0
    first = True
    with damage_refused():
        tags = [f"{{*}}{name}" for name in names]
        for event, element in etree.iterparse(file, events=("start", "end"), tag=tags, **_SAFE):
            if first:
                refuse_declarations(element)
                first = False
            if event == "start":
                depth += 1
                count += 1
                if count > _MOST_ELEMENTS:
                    raise UnreadableDocument(
                        f"The file has more than {_MOST_ELEMENTS:,} paragraphs. Split it."
                    )
                continue
            depth -= 1
            if depth == 0:
                yield element
                element.clear(keep_tail=False)
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]


@contextmanager
def damage_refused() -> Iterator[None]:
    try:
        yield
    except (etree.XMLSyntaxError, UnicodeDecodeError, LookupError):
        raise UnreadableDocument(DAMAGED)


def refuse_declarations(element: Element) -> None:
    """Refuse a document type, the only way to entities. Office documents have none."""
    if element.getroottree().docinfo.internalDTD is not None:
        raise UnreadableDocument(DECLARES)


def relations(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """For each relation of a part within the package its type's last word and its target part.

    External ones are left out: nothing is ever fetched. The package's own belong to the part "".
    """
    directory, name = posixpath.split(part)
    rels = posixpath.join(directory, "_rels", f"{name}.rels")
    if rels not in archive:
        return {}
    found = {}
    for relation in parse_part(archive, rels):
        target, kind = relation.get("Target"), relation.get("Type", "").rpartition("/")[2]
        if relation.get("TargetMode") != "External" and target:
            path = target.lstrip("/") if target.startswith("/") else f"{directory}/{target}"
            found[relation.get("Id", "")] = (kind, posixpath.normpath(path).lstrip("/"))
    return found


def main_part(archive: Archive) -> str:
    """The name of the part that is the document. Raises UnreadableDocument if it is missing."""
    for kind, target in relations(archive, "").values():
        if kind == "officeDocument" and target in archive:
            return target
    raise UnreadableDocument(DAMAGED)
