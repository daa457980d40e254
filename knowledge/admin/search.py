"""Try a search: what somebody would find, how it was ranked, and why they may see it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from time import perf_counter
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.template.response import TemplateResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from common.admin_site import allow_alpine
from knowledge.models import Document
from knowledge.search import MAX_QUERY_CHARACTERS, Hit, SearchFilters, embed_query, search
from tenants.admin.forms import RowField, StructureField
from tenants.context import acting_for, current_organization_id
from tenants.models import Project, User
from tenants.permissions import Permissions
from tenants.responses import Continued
from tenants.sharing import Access, People

MODES = {
    "hybrid": "By words and by meaning",
    "text": "By words alone",
    "vector": "By meaning alone",
}
MOST_HITS = 50
NO_PERSON = "There is nobody in this organization who signs in with this name."
# To look with somebody's eyes shows what they see: only to who would see all of it anyway.
TO_SEARCH_AS = (Permissions.USERS_CHANGE, Permissions.DOCUMENTS_VIEW_ALL)


class DateInput(UnfoldAdminTextInputWidget):
    input_type = "date"


class MetadataField(StructureField):
    """Empty where nothing is asked, and not the JSON of nothing."""

    def prepare_value(self, value: Any) -> Any:
        return super().prepare_value(value) if value else ""


class SearchForm(forms.Form):
    query = forms.CharField(
        label="Question", max_length=MAX_QUERY_CHARACTERS, widget=UnfoldAdminTextInputWidget
    )
    mode = forms.ChoiceField(
        label="Rank", choices=MODES.items(), required=False, widget=UnfoldAdminSelectWidget
    )
    project = RowField(
        queryset=Project.objects.none(),
        required=False,
        empty_label="Everywhere",
        widget=UnfoldAdminSelectWidget,
        help_text="Its own documents and the whole organization's.",
    )
    top_k = forms.IntegerField(
        label="Passages",
        min_value=1,
        max_value=MOST_HITS,
        required=False,
        initial=10,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    person = forms.CharField(
        label="As",
        max_length=255,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Somebody's e-mail address or username; yourself when empty.",
    )
    file_type = forms.CharField(
        label="File types",
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as pdf, md.",
    )
    created_after = forms.DateField(label="Uploaded from", required=False, widget=DateInput)
    created_before = forms.DateField(label="Uploaded until", required=False, widget=DateInput)
    metadata = MetadataField(
        kind=dict,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text='Contained in the document\'s, such as {"year": 2026}.',
    )

    def __init__(self, *args: Any, asker: User, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.asker = asker
        projects: Any = Project.objects
        self.fields["project"].queryset = projects.visible_to(asker).order_by("name", "pk")  # type: ignore[attr-defined]
        if not all(asker.has_perm(name) for name in TO_SEARCH_AS):
            del self.fields["person"]

    def clean_query(self) -> str:
        return self._without_zero("query")

    def clean_file_type(self) -> list[str] | None:
        named = self._without_zero("file_type").replace(",", " ").lower().split()
        return [name.removeprefix(".") for name in named] or None

    def clean_person(self) -> User:
        """The person of the organization, or the asker."""
        login = self._without_zero("person").strip()
        if not login:
            return self.asker
        people = User.objects.filter(is_active=True)
        person = people.filter(Q(username=login) | Q(email=login.lower())).first()
        if person is None:
            raise forms.ValidationError(NO_PERSON)
        return person

    def _without_zero(self, name: str) -> str:
        value: str = self.cleaned_data[name]
        if "\x00" in value:
            raise forms.ValidationError("PostgreSQL has no character zero.")
        return value

    def asked(self) -> dict[str, Any]:
        """What `knowledge.search.search` is asked, but for the vector."""
        said = self.cleaned_data
        return {
            "user": said.get("person", self.asker),
            "query": said["query"],
            "mode": said["mode"] or "hybrid",
            "top_k": said["top_k"] or 10,
            "project": said["project"],
            "filters": SearchFilters(
                file_type=said["file_type"],
                created_after=_midnight(said["created_after"]),
                created_before=_midnight(said["created_before"], days=1),
                metadata=said["metadata"] or None,
            ),
        }


@dataclass(frozen=True)
class Shown:
    """A hit as the page shows it: in pieces, some of them marked; and why it may be seen."""

    hit: Hit
    pieces: Sequence[tuple[str, bool]]
    reasons: Sequence[str]


@require_safe
def search_page(request: Any, model_admin: Any) -> Any:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    form = SearchForm(request.GET if "query" in request.GET else None, asker=request.user)
    if not form.is_valid():
        return _page(request, model_admin, form)
    asked, organization_id = form.asked(), current_organization_id()

    def finish() -> Any:
        began = perf_counter()
        vector = None if asked["mode"] == "text" else embed_query(asked["query"])
        embedded = perf_counter()
        with acting_for(organization_id, read_only=True):
            hits = search(vector=vector, marked=True, **asked)
            searched = perf_counter()
            found = {
                "hits": _shown(hits, asked["user"]),
                "person": asked["user"],
                "searchable": Document.objects.visible_to(asked["user"]).searchable().count(),
                "embedding_ms": None if vector is None else 1000 * (embedded - began),
                "search_ms": 1000 * (searched - embedded),
            }
            response = _page(request, model_admin, form, **found).render()
        add_never_cache_headers(response)
        return response

    return Continued(finish)


def _page(request: Any, model_admin: Any, form: SearchForm, **found: Any) -> Any:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": "Try a search",
        "opts": model_admin.opts,
        "form": form,
        **found,
    }

    @allow_alpine
    def answer(request: Any) -> TemplateResponse:
        return TemplateResponse(request, "knowledge/search.html", context)

    return answer(request)


def _shown(hits: list[Hit], person: User) -> list[Shown]:
    why = _reasons({hit.document_id for hit in hits}, person)
    return [Shown(hit, list(_pieces(hit)), why[hit.document_id]) for hit in hits]


def _pieces(hit: Hit) -> Iterator[tuple[str, bool]]:
    """The passage in order, and of each piece whether a word of the question stands there."""
    at = 0
    for start, end in hit.highlights:
        yield hit.content[at:start], False
        yield hit.content[start:end], True
        at = end
    yield hit.content[at:], False


def _reasons(documents: set[Any], person: User) -> dict[Any, list[str]]:
    """Why a person may see each of some documents."""
    if person.is_platform_staff:
        return {pk: ["platform staff, acting"] for pk in documents}
    people = People()
    rows = Document.objects.defer("content", "embedding").select_related("project")
    return {
        row.pk: [f"{why.kind}: {why.detail}" for why in Access(row, people).reasons(person.pk)]
        for row in rows.filter(pk__in=documents)
    }


def _midnight(day: Any, *, days: int = 0) -> datetime | None:
    return day and datetime.combine(day + timedelta(days=days), time.min, tzinfo=UTC)
