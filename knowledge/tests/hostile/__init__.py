"""Files as attackers, broken programs and bad luck make them, each made anew by a few lines."""

from knowledge.tests.hostile import mails, offices, packages, pages, pdfs, texts
from knowledge.tests.hostile.cases import CASES

__all__ = ["CASES", "mails", "offices", "packages", "pages", "pdfs", "texts"]
