"""Files as attackers, broken programs and bad luck make them, each made anew by a few lines."""

from knowledge.tests.hostile import mails, offices, packages, pages, pdfs, texts
from knowledge.tests.hostile.cases import CASES

__all__ = ["CASES", "mails", "make", "offices", "packages", "pages", "pdfs", "texts"]


def make(name, path, port):
    """Write a file, and return its size. Nothing here needs Django: another process may do it."""
    return path.write_bytes(CASES[name].content(port))
