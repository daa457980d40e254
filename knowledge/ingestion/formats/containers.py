"""What is in a ZIP archive or an OLE file: told by its parts, whatever the file is called.

This runs in the web process too. So nothing is parsed: of an archive its directory and at most one
small member are read, of an OLE file its directory.
"""

import re
from pathlib import Path

from knowledge.ingestion import ole
from knowledge.ingestion.archives import Archive, open_archive
from knowledge.ingestion.reading import UnreadableDocument

ZIP_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06")

_CONTENT_TYPES = "[Content_Types].xml"
_CONTENT_TYPES_BYTES = 1024**2
_DECLARED = re.compile(rb"""ContentType\s*=\s*["']([^"']{1,200})["']""")
# Of the main part, in a document, a template or a show, with macros or without. Macros never run.
_MAIN_PARTS = (
    (re.compile(r"(?:wordprocessingml\.(?:document|template)|ms-word\..*)\.main\+xml"), "docx"),
    (re.compile(r"(?:presentationml\..*|ms-powerpoint\..*)\.main\+xml"), "pptx"),
    (re.compile(r"(?:spreadsheetml\.(?:sheet|template)|ms-excel\..*)\.main\+xml"), "xlsx"),
    (re.compile(r"ms-excel\.sheet\.binary\..*main"), "xlsb"),
)
_MIMETYPES = {
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.graphics": "odg",
    "application/epub+zip": "epub",
}
_OLE_STREAMS = (
    ("EncryptedPackage", "encrypted"),
    ("WordDocument", "doc"),
    ("PowerPoint Document", "ppt"),
    ("Workbook", "xls"),
    ("Book", "xls"),
    ("__properties_version1.0", "msg"),
)


def kind_of_container(path: Path, head: bytes) -> str:
    """The usual extension for what a container holds, "zip" or "ole" for what is not known, and ""
    for a file that is no container.

    Raises UnreadableDocument for an archive that is damaged or hostile.
    """
    if head.startswith(ZIP_SIGNATURES):
        with open_archive(path) as archive:
            return _kind_of_archive(archive)
    if head.startswith(ole.SIGNATURE):
        names = ole.stream_names(path)
        return next((kind for name, kind in _OLE_STREAMS if name in names), "ole")
    return ""


def _kind_of_archive(archive: Archive) -> str:
    if _CONTENT_TYPES in archive:
        content_types = archive.read(_CONTENT_TYPES, at_most=_CONTENT_TYPES_BYTES)
        for declared in _DECLARED.findall(content_types):
            for pattern, kind in _MAIN_PARTS:
                if pattern.search(declared.decode("latin-1")):
                    return kind
    elif "mimetype" in archive and archive.size("mimetype") < 100:
        mimetype = archive.read("mimetype", at_most=100).decode("latin-1").strip()
        return _MIMETYPES.get(mimetype.removesuffix("-template"), "zip")
    return "zip"


_AS_PDF = "Save it as PDF and upload that."
_AS_DOCX = "Save it as DOCX or PDF and upload that."
_AS_PPTX = "Save it as PPTX or PDF and upload that."
_AS_XLSX = "Save it as XLSX and upload that."
_UNREADABLE = {
    "zip": "The file is a ZIP archive. Unpack it and upload the documents in it.",
    "xlsb": f"The file is an Excel binary workbook. {_AS_XLSX}",
    "odt": f"The file is an OpenDocument text. {_AS_DOCX}",
    "odp": f"The file is an OpenDocument presentation. {_AS_PPTX}",
    "odg": f"The file is an OpenDocument drawing. {_AS_PDF}",
    "epub": f"The file is an e-book (EPUB). {_AS_PDF}",
    "doc": f"The file is a Word document in the format used before 2007. {_AS_DOCX}",
    "ppt": f"The file is a PowerPoint presentation in the format used before 2007. {_AS_PPTX}",
    "msg": "The file is an Outlook message. Save it as EML or PDF and upload that.",
    "encrypted": "This Office document is protected by a password. Remove the password and upload"
    " it again.",
    "ole": "The file is an Office document in a format used before 2007, or damaged. Save it as"
    " DOCX, PPTX, XLSX or PDF and upload that.",
}


def refuse_container(kind: str) -> None:
    """Raise UnreadableDocument for a container that no reader takes, with a way out."""
    if kind in _UNREADABLE:
        raise UnreadableDocument(_UNREADABLE[kind])
