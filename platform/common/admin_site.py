"""The admin site: unfold's, less what does not go with rows that belong to organizations."""

from functools import wraps
from typing import Any

from csp.constants import SELF, UNSAFE_EVAL
from csp.decorators import csp_update
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import BadRequest
from django.core.paginator import InvalidPage
from django.http import Http404, QueryDict
from django.urls import reverse
from django.utils.http import urlencode
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from common.attempts import PausesMixin

# Alpine, which moves the pages, evaluates the expressions that stand in their attributes.
allow_alpine = csp_update({"script-src": [SELF, UNSAFE_EVAL]})


class SignInForm(PausesMixin, AuthenticationForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail address or username"


class AdminSite(UnfoldAdminSite):
    login_form = SignInForm
    index_template = "common/admin_index.html"
    index_title = "Overview"
    own_password_view: Any = PasswordChangeView

    def has_permission(self, request):
        """Staff who signed in with a password. A token is for programs, and may be narrower."""
        return super().has_permission(request) and request.token is None

    def admin_view(self, view, cacheable=False):
        checked: Any = super().admin_view(view, cacheable)

        @wraps(checked)
        def answer(request, *args, **kwargs):
            if "%00" in request.META.get("QUERY_STRING", ""):
                raise BadRequest("PostgreSQL has no character zero.")
            return checked(request, *args, **kwargs)

        return allow_alpine(answer)

    def login(self, request, extra_context=None):
        if REDIRECT_FIELD_NAME not in request.GET:
            index = {REDIRECT_FIELD_NAME: reverse("admin:index")}
            request.GET = QueryDict(urlencode(index))
        page: Any = allow_alpine(super().login)
        return page(request, extra_context)

    def password_change(self, request, extra_context=None):
        view = self.own_password_view.as_view(
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def get_urls(self):
        # Its shortcut from a content type and an id to a page breaks on ids that are no UUID.
        urls = super().get_urls()
        return [url for url in urls if getattr(url, "name", None) != "view_on_site"]

    def autocomplete_view(self, request):
        return ChoicesView.as_view(admin_site=self)(request)

    def search(self, request, extra_context=None):
        try:
            return super().search(request, extra_context)
        except (InvalidPage, ValueError) as error:
            raise Http404("There is no such page.") from error


class ChoicesView(AutocompleteJsonView):
    """What an autocomplete field offers, as the `choice_label` of the rows' admin calls it."""

    model_admin: Any

    def get_queryset(self):
        return (
            super()
            .get_queryset()
            .select_related(*self.model_admin.get_list_select_related(self.request))
        )

    def serialize_result(self, obj, to_field_name):
        found = super().serialize_result(obj, to_field_name)
        return found | {"text": self.model_admin.choice_label(self.request, obj)}
