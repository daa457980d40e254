"""A document of each type that a person would have: uploaded over the API, read by the real
pipeline in its child process, and found by a question.

A new format is a file in `samples` and a line in CASES.
"""

from email.message import EmailMessage
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
WIND = "What happens to the sails when the wind is above 25 metres a second?"
TREES = "How many Gravenstein trees stand in the orchard by the brook?"
MAIL = """\
From: Ann <ann@acme.example>
To: Everybody <all@acme.example>
Subject: Summer party

We meet at the old boathouse at six.
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
    Case("windmill.docx", WIND, "sails are furled", heading="Storms"),
    Case("windmill.html", WIND, "sails are furled", heading="Storms"),
    Case(
        "lighthouse.pptx",
        "What did the lamps of the lighthouse burn?",
        "rapeseed oil",
        page=2,
        heading="Lamps",
    ),
    *(
        Case(f"orchard.{suffix}", TREES, "Trees: 75", page=page, heading=heading)
        for suffix, page, heading in (
            ("xlsx", 1, "Orchards"),
            ("xls", 1, "Orchards"),
            ("ods", 1, "Orchards"),
            ("csv", None, ""),
        )
    ),
    Case("invitation.eml", "Where do we meet for the summer party?", "old boathouse", content=MAIL),
]


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
    assert {file_format.file_type for file_format in FORMATS} == types


def test_an_attachment_of_a_mail_is_found_by_a_question(people, acme, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path
    member = api_as(people["acme-member"])
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ann@acme.example", "all@acme.example", "Rules"
    mail.set_content("The rules are attached.")
    handbook = (SAMPLES / "handbook.pdf").read_bytes()
    mail.add_attachment(handbook, maintype="application", subtype="pdf", filename="rules.pdf")
    uploaded = _uploaded(member, Case("rules.eml", "", "", content=mail.as_string()))
    ingest(acme.pk, UUID(uploaded["id"]))
    asked = {"attachment_of": uploaded["id"]}
    [attached] = member.get("/api/v1/documents/", asked).json()["results"]
    ingest(acme.pk, UUID(attached["id"]))
    best = _found(member, "From which day of absence on is a doctor's note needed?")[0]
    assert (best["document"], best["filename"], best["page"]) == (attached["id"], "rules.pdf", 2)


def _uploaded(member, case):
    file = SimpleUploadedFile(case.file, case.read())
    answer = member.post("/api/v1/documents/", {"file": file}, format="multipart")
    assert answer.status_code == 201, answer.json()
    return answer.json()


def _found(member, question):
    answer = member.post("/api/v1/search/", {"query": question}, format="json")
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]
