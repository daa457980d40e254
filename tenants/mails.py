"""Mails that carry a link, and the tokens that make a link good for one use."""

from urllib.parse import urljoin

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode


class EmailTokenGenerator(PasswordResetTokenGenerator):
    """Tokens that prove who reads a mailbox: good for one address, until it is confirmed."""

    key_salt = "tenants.mails.EmailTokenGenerator"

    def _make_hash_value(self, user, timestamp):
        return f"{user.pk}{user.email}{user.is_email_verified}{timestamp}"


password_tokens = PasswordResetTokenGenerator()
email_tokens = EmailTokenGenerator()


def uid_of(user):
    """The person's id as it stands in links."""
    return urlsafe_base64_encode(force_bytes(user.pk))


def mail_password_reset(user):
    """Send the link to choose a new password with."""
    _mail(user, "password_reset", "admin_password_reset_confirm", password_tokens)


def mail_email_verification(user):
    """Send the link to confirm an e-mail address with."""
    _mail(user, "email_verification", "admin_email_confirm", email_tokens)


def _mail(user, name, page, tokens):
    """The link's host is the installation's: what a request says of it could be anybody's."""
    uid, token = uid_of(user), tokens.make_token(user)
    context = {
        "user": user,
        "link": urljoin(settings.PUBLIC_URL, reverse(page, args=[uid, token])),
        "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
    }
    subject, _, text = render_to_string(f"tenants/mail/{name}.txt", context).partition("\n\n")
    send_mail(subject.strip(), text, None, [user.email])
