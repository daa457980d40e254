"""The same file again: one document for who may see it, one of their own for who may not."""

import os
import threading
from pathlib import Path

import pytest
from django.core.files.storage import InMemoryStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from knowledge import files
from knowledge.ingestion.pipeline import ingest
from knowledge.ingestion.read import read_document as read_here
from knowledge.models import Document
from knowledge.services import upload_once
from knowledge.testing import read_document, upload
from tenants.context import acting_for
from tenants.deletion import delete, restore
from tenants.models import OrganizationUsage
from tenants.services import add_member, create_project
from tenants.tests.purging import let_time_pass, purge

TEXT = "# Leave\n\nEverybody has 25 days of vacation a year.\n"


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture
def member(people):
    return people["acme-member"]


@pytest.fixture(autouse=True)
def _storage_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def again(by, text=TEXT, filename="again.md", **more):
    with acting_for(by.organization_id) as organization_id:
        file = SimpleUploadedFile(filename, text.encode())
        return upload_once(organization_id=organization_id, file=file, by=by, **more)


def used_bytes(acme):
    with acting_for(acme):
        return OrganizationUsage.objects.get().storage_bytes


def inode(document):
    return Path(document.file.path).stat().st_ino


class TestWhoMaySeeIt:
    def test_gets_the_document_that_is_there(self, acme, owner, member):
        first = upload(TEXT, by=owner)
        assert again(member) == (first, False)
        assert used_bytes(acme) == len(TEXT)
        assert len(list(Path(first.file.path).parent.iterdir())) == 1

    def test_gets_it_whatever_it_is_called_and_keeps_what_is_known_of_it(self, owner):
        first = upload(TEXT, by=owner, filename="leave.md", metadata={"year": 2025})
        for metadata in (None, {}, {"year": 2025}):
            there, is_new = again(owner, filename="other.md", metadata=metadata)
            assert not is_new
            assert (there.pk, there.filename, there.metadata) == (
                first.pk,
                "leave.md",
                {"year": 2025},
            )

    @pytest.mark.parametrize(
        "differing",
        [
            {"metadata": {"year": 2026}},
            {"is_restricted": True},
            {"is_searchable": False},
            {"filename": "again.txt"},
            {"text": TEXT + "."},
        ],
        ids=str,
    )
    def test_gets_another_for_what_differs_in_more_than_its_name(self, owner, differing):
        first = upload(TEXT, by=owner)
        there, is_new = again(owner, **differing)
        assert is_new
        assert there.pk != first.pk

    def test_gets_another_in_another_project(self, acme, owner):
        first = upload(TEXT, by=owner)
        with acting_for(acme):
            project = create_project(organization_id=acme.pk, name="Rocket")
        there, is_new = again(owner, project=project)
        assert is_new
        assert there.pk != first.pk
        assert again(owner, project=project) == (there, False)

    def test_gets_another_when_the_first_failed(self, acme, owner):
        first = upload(TEXT, by=owner)
        with acting_for(acme):
            Document.objects.update(processing_status="failed")
        there, is_new = again(owner)
        assert is_new
        assert there.pk != first.pk

    def test_gets_another_when_the_first_was_deleted(self, acme, owner):
        first = upload(TEXT, by=owner)
        with acting_for(acme):
            delete(first)
        assert again(owner)[1]

    def test_gets_it_even_when_there_is_no_room_for_another(self, acme, owner):
        first = upload(TEXT, by=owner)
        with acting_for(acme):
            OrganizationUsage.objects.update(storage_bytes=acme.max_storage_bytes)
        assert again(owner) == (first, False)


class TestWhoMayNotSeeIt:
    def test_gets_a_document_as_if_nobody_had_it(self, acme, owner, member):
        hidden = upload(TEXT, by=owner, is_restricted=True)
        mine, is_new = again(member, is_restricted=True)
        assert is_new
        assert mine.pk != hidden.pk
        assert (mine.processing_status, mine.uploaded_by) == ("pending", member)
        assert used_bytes(acme) == 2 * len(TEXT)
        assert inode(mine) != inode(hidden)  # storing it took as long as storing anything

    def test_nor_of_another_organization(self, people, owner):
        upload(TEXT, by=owner)
        assert again(people["globex-owner"])[1]


class TestTwoAtOnce:
    pytestmark = pytest.mark.django_db(transaction=True)

    def test_make_one_document(self, acme, people):
        owner, outcomes = people["acme-owner"], []
        start = threading.Barrier(4)

        def racer():
            start.wait()
            try:
                outcomes.append(again(owner))
            finally:
                connection.close()

        racers = [threading.Thread(target=racer) for _ in range(4)]
        for thread in racers:
            thread.start()
        for thread in racers:
            thread.join()
        assert sorted(is_new for _, is_new in outcomes) == [False, False, False, True]
        assert len({document.pk for document, _ in outcomes}) == 1
        [document] = {document for document, _ in outcomes}
        assert [path.name for path in Path(document.file.path).parent.iterdir()] == [
            str(document.pk)
        ]
        assert used_bytes(acme) == len(TEXT)


class TestBytesOnDisk:
    def test_are_shared_once_the_second_is_read(self, acme, owner):
        first = read_document(TEXT, by=owner)
        second = read_document(TEXT, by=owner, filename="second.md")
        assert inode(first) == inode(second)
        assert first.file.name != second.file.name
        assert used_bytes(acme) == 2 * len(TEXT)

    def test_are_shared_within_an_organization_only(self, owner, people):
        first = read_document(TEXT, by=owner)
        other = read_document(TEXT, by=people["globex-owner"])
        assert inode(first) != inode(other)

    def test_are_not_shared_when_they_differ_in_spite_of_what_rows_say(self, acme, owner):
        first = read_document(TEXT, by=owner)
        Path(first.file.path).write_text(TEXT.swapcase())
        second = read_document(TEXT, by=owner)
        assert Path(second.file.path).read_text() == TEXT
        assert inode(first) != inode(second)

    def test_stay_as_they_are_when_the_other_file_is_gone(self, owner):
        first = read_document(TEXT, by=owner)
        Path(first.file.path).unlink()
        second = read_document(TEXT, by=owner)
        assert Path(second.file.path).read_text() == TEXT

    def test_stay_two_where_no_link_is_possible(self, owner, monkeypatch):
        def refuse(*args):
            raise OSError("no links here")

        monkeypatch.setattr(os, "link", refuse)
        first, second = read_document(TEXT, by=owner), read_document(TEXT, by=owner)
        assert inode(first) != inode(second)
        assert len(list(Path(first.file.path).parent.iterdir())) == 2

    def test_stay_two_in_a_storage_that_is_no_file_system(self, acme, owner, monkeypatch):
        field = Document._meta.get_field("file")
        monkeypatch.setattr(field, "storage", InMemoryStorage())
        monkeypatch.setattr(files, "_own_path", lambda document: None)
        first, second = upload(TEXT, by=owner), upload(TEXT, by=owner)
        ingest(acme.pk, second.pk, read=read_here)
        assert not files.share_bytes(second)
        assert second.file.read() == first.file.read() == TEXT.encode()


@pytest.mark.django_db(transaction=True, databases=["default", "platform"])
def test_purging_one_document_leaves_the_other_its_bytes(acme, people):
    owner = people["acme-owner"]
    first, second = read_document(TEXT, by=owner), read_document(TEXT, by=owner)
    assert inode(first) == inode(second)
    with acting_for(acme):
        delete(first)
    let_time_pass()
    assert "1 file" in purge()
    assert not Path(first.file.path).exists()
    assert Path(second.file.path).read_text() == TEXT


def test_a_restored_document_has_its_file_though_another_came_meanwhile(acme, owner):
    first = read_document(TEXT, by=owner)
    with acting_for(acme):
        delete(first)
    second = read_document(TEXT, by=owner)
    with acting_for(acme):
        delete(second)
        restore(first)
    assert Path(first.file.path).read_text() == TEXT


def test_a_member_of_a_project_gets_what_is_there_and_others_do_not_learn_of_it(
    acme, people, owner, member
):
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
        add_member(project=project, user=member)
    first = upload(TEXT, by=owner, project=project)
    assert again(member, project=project) == (first, False)
