"""A document of each type that a person would have: uploaded over the API, read by the real
pipeline in its child process, and found by a question.

A new format is a file in `samples` and a line in CASES.
"""

from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from knowledge.ingestion.formats import FORMATS
from knowledge.ingestion.pipeline import ingest
from tenants.api.testing import api_as

SAMPLES = Path(__file__).parent / "samples"
TEXT = """\
Travel rules

Flights within Europe are booked in economy class.

Trains are booked in first class when the journey takes more than three hours.
"""
MARKDOWN = """\
# Handbook

## Vacation

Everybody has 28 days of vacation a year.

## Equipment

A laptop is replaced after four years.
"""


class Case(NamedTuple):
    """A file, a question, and of the best passage: words, page and the end of its heading path.

    `content` stands for the file where it is not one of the samples.
    """

    file: str
    question: str
    words: str
    page: int | None = None
    heading: str = ""
    content: str | None = None

    def read(self) -> bytes:
        if self.content is not None:
            return self.content.encode()
        return (SAMPLES / self.file).read_bytes()


CASES = [
    Case(
        "travel.txt",
        "In which class is a train booked when the journey is long?",
        "more than three hours",
        content=TEXT,
    ),
    Case(
        "handbook.md",
        "After how long does one get a new laptop?",
        "replaced after four years",
        heading="Equipment",
        content=MARKDOWN,
    ),
    Case(
        "handbook.pdf",
        "From which day of absence on is a doctor's note needed?",
        "From the third day on a doctor's note is needed",
        page=2,
        heading="Sick leave",
    ),
]
LATER: set[str] = set()  # file types that are read and have no case yet


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_a_document_is_found_by_a_question(case, people, acme, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path
    member = api_as(people["acme-member"])
    document = _uploaded(member, case)
    ingest(acme.pk, UUID(document["id"]))
    read = member.get(f"/api/v1/documents/{document['id']}/").json()
    assert (read["processing_status"], read["error"]) == ("completed", "")
    best = _found(member, case.question)[0]
    assert best["document"] == document["id"]
    assert case.words in " ".join(best["content"].split())
    assert best["page"] == case.page
    assert best["heading"].endswith(case.heading)


def test_each_format_that_is_read_has_a_case():
    types = {Path(case.file).suffix.removeprefix(".") for case in CASES}
    assert {file_format.file_type for file_format in FORMATS} == types | LATER


def _uploaded(member, case):
    file = SimpleUploadedFile(case.file, case.read())
    answer = member.post("/api/v1/documents/", {"file": file}, format="multipart")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def _found(member, question):
    answer = member.post("/api/v1/search/", {"query": question}, format="json")
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]
