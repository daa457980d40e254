"""The command import_documents: what it uploads, for whom, and what it says."""

import io
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command

from common.logins import connects_as_owner
from knowledge.models import Document
from knowledge.tests.zips import packed
from tenants import counters
from tenants.context import acting_for
from tenants.models import AuditEntry, OrganizationUsage
from tenants.services import add_member, create_project


@pytest.fixture(autouse=True)
def _storage_of_its_own(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "stored"


@pytest.fixture
def folder(tmp_path):
    """A folder with three documents, an image, what systems leave, and links."""
    root = tmp_path / "handbooks"
    (root / "hr" / ".git").mkdir(parents=True)
    (root / "b.txt").write_text("Second.\n")
    (root / "hr" / "leave.md").write_text("# Leave\n\n25 days.\n")
    (root / "hr" / "a.txt").write_text("First.\n")
    (root / "hr" / ".git" / "config").write_text("hidden\n")
    (root / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n0000")
    (root / "within.txt").symlink_to(root / "b.txt")
    (tmp_path / "secret.txt").write_text("Outside.\n")
    (root / "outside.txt").symlink_to(tmp_path / "secret.txt")
    (root / "circle").symlink_to(root)
    (root / "broken.txt").symlink_to(root / "nothing")
    return root


class Terminal(io.StringIO):
    def isatty(self):
        return True


def run(path, *options, stdout=None, organization="acme"):
    """What the command says; its exit code is raised."""
    stdout = stdout or io.StringIO()
    call_command("import_documents", path, "--organization", organization, *options, stdout=stdout)
    return stdout.getvalue()


@contextmanager
def ends_with(code):
    with pytest.raises(SystemExit) as ended:
        yield
    assert ended.value.code == code


def stored(organization):
    with acting_for(organization):
        documents = Document.objects.order_by("pk")
        return [document.metadata["path"] for document in documents]


def test_a_folder_is_imported_in_order_without_what_lies_outside(acme, folder):
    said = io.StringIO()
    with ends_with(2):
        run(folder, stdout=said)
    assert stored(acme) == ["b.txt", "hr/a.txt", "hr/leave.md"]
    lines = said.getvalue().splitlines()
    assert lines[:5] == [
        "created  b.txt",
        "created  hr/a.txt",
        "created  hr/leave.md",
        "refused  logo.png",
        "existing  within.txt",
    ]
    assert lines[5] == "1 refused:"
    assert lines[6].startswith("  logo.png: The file is an image.")
    assert lines[7] == "5 files, 3 created, 1 existing, 1 refused."


def test_what_was_interrupted_is_taken_up_again(acme, folder):
    (folder / "logo.png").unlink()
    run(folder / "hr")
    said = run(folder / "hr")
    assert "2 files, 2 existing." in said
    (folder / "hr" / "leave.md").write_text("# Leave\n\nNow 26 days.\n")
    assert "1 created, 1 existing" in run(folder / "hr")
    assert stored(acme) == ["a.txt", "leave.md", "leave.md"]


def test_one_file_is_imported_with_what_is_known_of_it(acme, folder):
    run(folder / "b.txt", "--metadata", '{"year": 2026}')
    with acting_for(acme):
        document = Document.objects.get()
        assert document.metadata == {"year": 2026, "path": "b.txt"}
        assert document.uploaded_by is None
        assert document.processing_status == "pending"
        with document.file.open("rb") as file:
            assert file.read() == b"Second.\n"
    assert (folder / "b.txt").exists()


def test_an_archive_is_imported(acme, tmp_path):
    archive = tmp_path / "all.ZIP"
    archive.write_bytes(packed({"x/a.txt": b"One.\n", "../b.txt": b"Two.\n"}))
    assert "2 files, 2 created." in run(archive)
    assert stored(acme) == ["b.txt", "x/a.txt"]


def test_a_dry_run_says_what_would_be_and_does_nothing(acme, folder):
    said = io.StringIO()
    with ends_with(2):
        run(folder, "--dry-run", stdout=said)
    assert "Dry run: 5 files, 4 created, 1 refused." in said.getvalue()
    assert stored(acme) == []


def test_it_is_done_by_a_person_who_may(acme, people, folder):
    run(folder / "b.txt", "--by", "member@acme.test")
    with acting_for(acme):
        document = Document.objects.get()
        assert document.uploaded_by_id == people["acme-member"].pk
        entry = AuditEntry.objects.get(object_id=document.pk)
        assert (entry.actor_name, entry.way) == ("acme-member", "command")
    with pytest.raises(CommandError, match="acme-viewer may not upload documents"):
        run(folder / "hr" / "a.txt", "--by", "acme-viewer")
    for nobody in ("globex-owner", "staff", "no-one"):
        with pytest.raises(CommandError, match=f"Nobody of acme signs in as {nobody}"):
            run(folder / "hr" / "a.txt", "--by", nobody)
    assert stored(acme) == ["b.txt"]


def test_without_a_person_the_audit_trail_names_no_person(acme, folder):
    run(folder / "b.txt")
    with acting_for(acme):
        entry = AuditEntry.objects.get(object_type="knowledge.Document")
        assert (entry.actor_id, entry.actor_name) == (None, "chancery_app")
        assert entry.way.startswith("chancery ")


def test_it_goes_into_a_project_that_the_person_may_fill(acme, globex, people, folder):
    with acting_for(globex):
        create_project(organization_id=globex.pk, name="Foreign")
    with acting_for(acme):
        project = create_project(organization_id=acme.pk, name="Rocket")
        create_project(organization_id=acme.pk, name="Closed")
        add_member(project=project, user=people["acme-member"])
    run(folder / "b.txt", "--project", "Rocket", "--by", "acme-member")
    run(folder / "hr" / "a.txt", "--project", str(project.pk))
    with acting_for(acme):
        assert {document.project_id for document in Document.objects.all()} == {project.pk}
    with pytest.raises(CommandError, match="no project Closed that acme-member may"):
        run(folder / "b.txt", "--project", "Closed", "--by", "acme-member")
    assert "1 created" in run(folder / "b.txt", "--project", "Closed")
    with pytest.raises(CommandError, match="no project Foreign"):
        run(folder / "b.txt", "--project", "Foreign")


def test_two_projects_of_one_name_are_told_apart_by_id(acme, folder):
    with acting_for(acme):
        for _ in range(2):
            create_project(organization_id=acme.pk, name="Twin")
    with pytest.raises(CommandError, match="Several projects are called Twin"):
        run(folder / "b.txt", "--project", "Twin")


def test_a_full_quota_stops_it_with_what_was_done(acme, folder):
    with acting_for(acme):
        counters.claim(acme.pk, "storage_bytes", acme.max_storage_bytes - 10)
    said = io.StringIO()
    with pytest.raises(CommandError, match=r"Stopped at hr/a\.txt.*run this again") as stopped:
        run(folder, stdout=said)
    assert stopped.value.returncode == 3
    assert "1 created, 4 over quota" in said.getvalue()
    assert stored(acme) == ["b.txt"]
    with acting_for(acme):
        assert OrganizationUsage.objects.get().storage_bytes == acme.max_storage_bytes - 2


def test_a_terminal_shows_a_bar(acme, folder):
    said = run(folder / "hr", stdout=Terminal())
    assert "█" * 15 + "░" * 15 + " 1/2 a.txt" in said
    assert said.endswith("\r\x1b[K2 files, 2 created.\n")


def test_what_cannot_be_done_is_said_in_a_sentence(acme, folder, tmp_path):
    with pytest.raises(CommandError, match=r"There is no organization nobody\."):
        run(folder, organization="nobody")
    with pytest.raises(CommandError, match=r"No such file or directory\."):
        run(tmp_path / "nothing")
    (tmp_path / "bad.zip").write_text("none")
    with pytest.raises(CommandError, match="no ZIP archive"):
        run(tmp_path / "bad.zip")
    for wrong in ("{", "[1]", '{"a": "\\u0000"}'):
        with pytest.raises(CommandError, match="must be a JSON object"):
            run(folder, "--metadata", wrong)
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty") == "0 files.\n"


def test_another_organization_gets_nothing(acme, globex, folder):
    run(folder / "hr")
    assert (len(stored(acme)), stored(globex)) == (2, [])


def test_it_connects_as_the_application():
    assert not connects_as_owner("import_documents")
