"""Uploads in the admin: one file, many at once, or those in ZIP archives."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponseRedirect
from unfold.widgets import INPUT_CLASSES, UnfoldBooleanSwitchWidget

from knowledge.archives import Bounds, opened_archive
from knowledge.files import clean_filename
from knowledge.imports import Importing, Outcome, Result
from knowledge.models import Document
from knowledge.services import RefusedUpload
from tenants.admin.forms import OrganizationForm
from tenants.context import current_organization_id
from tenants.responses import Continued

CHOSEN = ["project", "is_searchable", "is_restricted", "metadata"]
MOST_NAMED = 20  # of what was refused; messages travel in a cookie
_SAID = {Result.CREATED: "uploaded", Result.EXISTING: "there already"}


class FilesInput(forms.FileInput):
    """The browser's own, which says how many files are chosen; unfold's names the first."""

    allow_multiple_selected = True

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(INPUT_CLASSES), "multiple": True})


class FilesField(forms.FileField):
    """One file or several; always a list of them."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        several = data if isinstance(data, list | tuple) else [data]
        return [super(FilesField, self).clean(file, initial) for file in several or [None]]


class UploadForm(OrganizationForm):
    file = FilesField(label="Files", help_text="Choose as many as you like.")
    unpack = forms.BooleanField(
        label="Unpack ZIP archives",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="The files in them become documents, at most 1,000 and 500 MB of each archive.",
    )

    class Meta:
        model = Document
        fields = CHOSEN

    @property
    def is_of_many(self) -> bool:
        files = self.cleaned_data["file"]
        return len(files) > 1 or (self.cleaned_data["unpack"] and any(map(_is_zip, files)))


@dataclass(frozen=True)
class SentFile:
    """A file as a browser sent it."""

    file: UploadedFile

    @property
    def path(self) -> str:
        return clean_filename(self.file.name)

    @contextmanager
    def open(self) -> Iterator[UploadedFile]:
        yield self.file


def upload_many(request: Any, form: UploadForm, address: str) -> Continued:
    """Take files once the request's transaction has ended, say what became of each, and go on to
    an address of the admin."""
    said = dict(form.cleaned_data)
    importing = Importing(
        organization_id=current_organization_id(),  # type: ignore[arg-type]
        by=request.user,
        **{name: said[name] for name in CHOSEN},
    )

    def finish() -> HttpResponseRedirect:
        outcomes = [
            outcome
            for file in said["file"]
            for outcome in _outcomes(importing, file, unpack=said["unpack"])
        ]
        _tell(request, outcomes)
        response = HttpResponseRedirect(address)
        request._messages.update(response)  # its middleware has had its turn
        return response

    return Continued(finish)


def _outcomes(importing: Importing, file: UploadedFile, *, unpack: bool) -> list[Outcome]:
    sent = SentFile(file)
    if not (unpack and _is_zip(file)):
        return list(replace(importing, keeps_paths=False).run([sent]))
    try:
        with opened_archive(file, bounds=Bounds()) as members:
            return list(importing.run(members))
    except RefusedUpload as refusal:
        return [Outcome(sent.path, Result.REFUSED, reason=refusal.reason)]


def _is_zip(file: UploadedFile) -> bool:
    return (file.name or "").lower().endswith(".zip")


def _tell(request: Any, outcomes: list[Outcome]) -> None:
    counts = Counter(outcome.result for outcome in outcomes)
    for result, what in _SAID.items():
        if count := counts[result]:
            text = f"{count:,} file{'' if count == 1 else 's'} {what}."
            messages.success(request, text)
    failed = [outcome for outcome in outcomes if outcome.result not in _SAID]
    for outcome in failed[:MOST_NAMED]:
        messages.error(request, f"{outcome.path[-100:]}: {outcome.reason}")
    if len(failed) > MOST_NAMED:
        messages.error(request, f"{len(failed) - MOST_NAMED:,} more were not taken.")
