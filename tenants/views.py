"""Pages for who cannot sign in: in the admin's dress, though they serve everybody.

They stand under /admin/, where alone a browser may run what unfold's pages need.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN, LoginView
from django.contrib.auth.views import PasswordResetConfirmView as DjangosConfirmView
from django.http import HttpResponseRedirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import FormView, TemplateView
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget

from common.admin_site import allow_alpine
from common.attempts import PausesMixin, TooManyAttempts
from tenants import accounts
from tenants.mails import email_tokens, password_tokens


class SessionSignInForm(PausesMixin, AuthenticationForm):
    """Signs a browser in to the API."""


class SessionLoginView(LoginView):
    authentication_form = SessionSignInForm
    template_name = "rest_framework/login.html"


class ForgottenForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        max_length=255,
        widget=UnfoldAdminEmailInputWidget({"autocomplete": "email", "autofocus": True}),
    )


class NewPasswordForm(SetPasswordForm):
    """The password validators hold here as everywhere."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for name in ("new_password1", "new_password2"):
            self.fields[name].widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})


class _Page:
    title: str

    @method_decorator([allow_alpine, never_cache])
    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(*args, **kwargs)  # type: ignore[misc]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = admin.site.each_context(self.request) | {"title": self.title}  # type: ignore[attr-defined]
        return context | super().get_context_data(**kwargs)  # type: ignore[misc]


class MessagePage(_Page, TemplateView):
    """What has happened, and where to go from here."""

    template_name = "tenants/pages/message.html"
    title = ""
    text = ""


class ForgottenPage(_Page, FormView):
    form_class = ForgottenForm
    template_name = "tenants/pages/form.html"
    success_url = reverse_lazy("admin_password_reset_done")
    title = "Forgotten your password?"
    extra_context = {
        "text": "A link to choose a new password will be mailed to you.",
        "button": "Send the link",
    }

    def form_valid(self, form: Any) -> Any:
        email = form.cleaned_data["email"]
        try:
            accounts.ask_for_password_reset(email=email, request=self.request)
        except TooManyAttempts as refusal:
            form.add_error(None, str(refusal))
            return self.form_invalid(form)
        return super().form_valid(form)


class ResetPage(_Page, DjangosConfirmView):
    """Where the link leads. Django moves its token into the session, out of the address."""

    form_class = NewPasswordForm
    template_name = "tenants/pages/form.html"
    success_url = reverse_lazy("admin_password_reset_complete")
    token_generator = password_tokens
    again = reverse_lazy("admin_password_reset")
    title = "Choose a new password"
    extra_context = {"button": "Set the password"}

    def get_user(self, uidb64: str) -> Any:
        return accounts.person_of(uidb64)

    def form_valid(self, form: Any) -> Any:
        try:
            accounts.reset_password(
                uid=self.kwargs["uidb64"],
                token=self.request.session.pop(INTERNAL_RESET_SESSION_TOKEN),
                password=form.cleaned_data["new_password1"],
                request=self.request,
                validate=lambda user: None,  # the form has done it
            )
        except accounts.LinkRefused:
            self.validlink = False
            return self.render_to_response(self.get_context_data())
        return HttpResponseRedirect(str(self.success_url))


class EmailPage(_Page, FormView):
    """Where the link leads. Programs that look at mails follow links, and press no button."""

    form_class = forms.Form
    template_name = "tenants/pages/form.html"
    success_url = reverse_lazy("admin_email_confirmed")
    title = "Confirm your e-mail address"
    extra_context = {"button": "It is mine"}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = accounts.person_of(self.kwargs["uidb64"])
        is_valid = bool(user) and email_tokens.check_token(user, self.kwargs["token"])
        told = {"text": user.email} if user and is_valid else {}
        return super().get_context_data(validlink=is_valid, **kwargs) | told

    def form_valid(self, form: Any) -> Any:
        try:
            accounts.confirm_email(uid=self.kwargs["uidb64"], token=self.kwargs["token"])
        except accounts.LinkRefused:
            return self.form_invalid(form)
        return super().form_valid(form)
