"""ZIP archives for tests."""

import io
import zipfile


def packed(files, *, method=zipfile.ZIP_DEFLATED):
    """The bytes of an archive of {path: bytes}; a path that ends in a slash is a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path), content, method)
    return buffer.getvalue()
