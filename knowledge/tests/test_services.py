import hashlib
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.core.files.uploadedfile import TemporaryUploadedFile
from procrastinate.contrib.django.models import ProcrastinateJob

from knowledge import files
from knowledge.models import Document
from knowledge.services import RefusedUpload, reprocess_documents, upload_document
from knowledge.testing import read_document, upload
from tenants.context import acting_for
from tenants.counters import QuotaExceeded
from tenants.deletion import delete, restore
from tenants.models import OrganizationUsage

TEXT = "# Leave\n\nEverybody has 25 days of vacation a year.\n"


def stored_files():
    return sorted(path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file())


@pytest.fixture
def owner(people):
    return people["acme-owner"]


@pytest.fixture(autouse=True)
def _storage_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def used_bytes(organization):
    with acting_for(organization):
        return OrganizationUsage.objects.get().storage_bytes


def jobs_of(document):
    return ProcrastinateJob.objects.filter(queueing_lock=f"ingest:{document.pk}")


def test_an_upload_is_a_stored_file_a_pending_document_and_a_job(acme, owner):
    document = upload(TEXT, by=owner, filename="leave.md", metadata={"year": 2025})
    with acting_for(acme):
        document = Document.objects.get()
        assert document.processing_status == "pending"
        assert document.filename == "leave.md"
        assert document.file_type == "md"
        assert document.file_size == len(TEXT)
        assert document.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
        assert document.metadata == {"year": 2025}
        assert document.uploaded_by == owner
        assert document.file.name == f"{acme.pk}/{document.pk}"
        assert document.file.read() == TEXT.encode()
        document.file.close()
    job = jobs_of(document).get()
    assert (job.queue_name, job.status) == ("ingestion", "todo")
    assert job.args == {"organization_id": str(acme.pk), "document_id": str(document.pk)}


def test_a_large_upload_comes_from_a_file_on_disk_which_is_moved(acme, owner):
    content = b"A line of text.\n" * 10_000
    file = TemporaryUploadedFile("big.txt", "text/plain", len(content), None)
    file.write(content)
    file.seek(0)
    received = Path(file.temporary_file_path()).stat()
    with acting_for(acme):
        document = upload_document(organization_id=acme.pk, file=file, by=owner)
        stored = Path(document.file.path).stat()
        assert (stored.st_dev, stored.st_ino) == (received.st_dev, received.st_ino), "copied"
        assert document.file_size == len(content)
        assert document.sha256 == hashlib.sha256(content).hexdigest()
        assert Path(document.file.path).read_bytes() == content
    file.close()


def test_another_organization_sees_nothing_of_an_upload(acme, globex, owner):
    document = upload(TEXT, by=owner)
    with acting_for(globex):
        assert not Document.all_objects.filter(pk=document.pk).exists()


@pytest.mark.parametrize(
    ("content", "filename", "reason"),
    [
        (b"", "empty.txt", "empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, "report.pdf", "image"),
        (b"PK\x03\x04" + b"\x00" * 100, "table.xlsx", "damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(acme, owner, content, filename, reason):
    with pytest.raises(RefusedUpload, match=reason) as refusal:
        upload(content, by=owner, filename=filename)
    assert refusal.value.reason
    assert stored_files() == []
    assert not ProcrastinateJob.objects.exists()


def test_a_file_that_is_too_large_is_refused(acme, owner, settings):
    settings.MAX_UPLOAD_BYTES = 10
    with pytest.raises(RefusedUpload, match="too large"):
        upload(TEXT, by=owner)


def test_over_quota_nothing_is_stored(acme, owner):
    limit = acme.max_storage_bytes
    with acting_for(acme):
        OrganizationUsage.objects.update(storage_bytes=limit - len(TEXT) + 1)
        with pytest.raises(QuotaExceeded):
            upload(TEXT, by=owner)
        assert not Document.all_objects.exists()
    assert stored_files() == []
    assert not ProcrastinateJob.objects.exists()
    assert used_bytes(acme) == limit - len(TEXT) + 1


def test_the_last_byte_of_the_quota_can_be_used(acme, owner):
    with acting_for(acme):
        OrganizationUsage.objects.update(storage_bytes=acme.max_storage_bytes - len(TEXT))
    upload(TEXT, by=owner)
    assert used_bytes(acme) == acme.max_storage_bytes


@pytest.mark.django_db(transaction=True)
def test_when_the_transaction_is_rolled_back_the_file_goes_too(acme, people):
    with pytest.raises(RuntimeError), acting_for(acme):
        upload(TEXT, by=people["acme-owner"])
        assert len(stored_files()) == 1
        raise RuntimeError
    assert stored_files() == []
    assert not ProcrastinateJob.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_when_the_transaction_is_committed_the_file_stays(acme, people):
    document = upload(TEXT, by=people["acme-owner"])
    assert [path.name for path in stored_files()] == [str(document.pk)]


def test_a_file_half_written_does_not_stay(acme, owner, monkeypatch):
    class FullDisk(ContentFile):
        def chunks(self, chunk_size=None):
            yield b"half of it"
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "measure", lambda file: ("0" * 64, 20))
    with pytest.raises(OSError, match="No space"), acting_for(acme):
        upload_document(
            organization_id=acme.pk, file=FullDisk(b"half of it and", name="a.txt"), by=owner
        )
    assert stored_files() == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\report.pdf", "report.pdf"),
        ("a\x00b\nc\u202ed.txt", "ab cd.txt"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("", "document"),
        ("/", "document"),
        ("..", ".."),
    ],
)
def test_a_filename_is_cleaned(given, kept):
    assert files.clean_filename(given) == kept


def test_storage_is_counted_exactly_through_upload_delete_and_restore(acme, owner):
    kept, deleted = upload(TEXT, by=owner), upload(TEXT * 3, by=owner)
    assert used_bytes(acme) == 4 * len(TEXT)
    with acting_for(acme):
        delete(deleted)
    assert used_bytes(acme) == kept.file_size
    with acting_for(acme):
        restore(deleted)
    assert used_bytes(acme) == 4 * len(TEXT)


def test_restoring_does_not_pass_the_quota(acme, owner):
    deleted = upload(TEXT, by=owner)
    with acting_for(acme):
        delete(deleted)
        OrganizationUsage.objects.update(storage_bytes=acme.max_storage_bytes)
        Document.objects.create(filename="full", file_size=acme.max_storage_bytes)
        with pytest.raises(QuotaExceeded):
            restore(deleted)


def test_reprocessing_queues_a_document_once(acme, owner):
    document = read_document(TEXT, by=owner)
    ProcrastinateJob.objects.all()
    with acting_for(acme):
        for _ in range(2):
            assert reprocess_documents(documents=Document.objects.all(), by=owner) == 1
        document.refresh_from_db()
    assert document.processing_status == "pending"
    assert (document.attempts, document.error, document.is_processed) == (0, "", False)
    assert jobs_of(document).filter(status="todo").count() == 1


def test_reprocessing_does_not_reach_another_organization(acme, globex, owner, people):
    document = read_document(TEXT, by=owner)
    with acting_for(globex):
        assert reprocess_documents(documents=[document], by=people["globex-owner"]) == 0
    with acting_for(acme):
        document.refresh_from_db()
        assert document.processing_status == "completed"


class TestOrphans:
    """Files that a killed process left behind."""

    @pytest.fixture
    def storage(self, monkeypatch):
        storage = InMemoryStorage()
        monkeypatch.setattr(Document._meta.get_field("file"), "storage", storage)
        return storage

    def age(self, storage, name, **by):
        node = storage._resolve(name)
        node.modified_time = node.modified_time - files.timedelta(**by)

    def test_a_file_without_a_document_goes_and_others_stay(self, acme, owner, storage):
        document = upload(TEXT, by=owner)
        orphan = f"{acme.pk}/{files.UUID(int=document.pk.int + 1)}"
        storage.save(orphan, ContentFile(b"left over"))
        storage.save("logo.png", ContentFile(b"not a document's"))
        storage.save(f"{acme.pk}/notes.txt", ContentFile(b"not a document's"))
        for name in (document.file.name, orphan, "logo.png", f"{acme.pk}/notes.txt"):
            self.age(storage, name, hours=2)
        assert files.remove_orphans() == 1
        assert not storage.exists(orphan)
        assert storage.exists(document.file.name)
        assert storage.exists("logo.png")
        assert storage.exists(f"{acme.pk}/notes.txt")

    @pytest.mark.parametrize("age", [{"minutes": 5}, {"days": 3}])
    def test_what_is_being_uploaded_and_what_is_old_stays(self, acme, storage, age):
        orphan = f"{acme.pk}/{acme.pk}"
        storage.save(orphan, ContentFile(b"left over"))
        self.age(storage, orphan, **age)
        assert files.remove_orphans() == 0

    def test_the_file_of_a_deleted_document_stays(self, acme, owner, storage):
        document = upload(TEXT, by=owner)
        with acting_for(acme):
            delete(document)
        self.age(storage, document.file.name, hours=2)
        assert files.remove_orphans() == 0
