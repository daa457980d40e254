"""Passwords in the admin: one's own, and those that are set for others."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.forms import SetPasswordMixin
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from unfold.forms import AdminOwnPasswordChangeForm, AdminPasswordChangeForm

from common.attempts import TooManyAttempts
from tenants import accounts, throttle


class _EndsTokens(SetPasswordMixin):
    """Of a form that sets a password, or none to sign in with: tokens end with the old one."""

    def set_password_and_save(self, user, *args, **kwargs):
        user = super().set_password_and_save(user, *args, **kwargs)
        accounts.end_tokens(user)
        return user


class PasswordForm(_EndsTokens, AdminPasswordChangeForm):
    """A password for somebody else."""


class OwnPasswordForm(_EndsTokens, AdminOwnPasswordChangeForm):
    """One's own, for who knows the old one; guesses are counted."""

    def __init__(self, *args, request, **kwargs):
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self):
        try:
            with throttle.PASSWORD_CHANGE.attempt(str(self.user.pk), self.request) as attempt:
                old_password = super().clean_old_password()
                attempt.succeed()
        except TooManyAttempts as refusal:
            raise ValidationError(str(refusal))
        return old_password


class OwnPasswordView(PasswordChangeView):
    form_class = OwnPasswordForm

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"request": self.request}


site: Any = admin.site
site.own_password_view = OwnPasswordView
