"""What people do with their own account: change or reset the password, confirm their address."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.hashers import check_password
from django.db import router, transaction
from django.utils import timezone
from django.utils.http import urlsafe_base64_decode

from common import jobs
from common.connections import let_go
from common.ids import uuid7
from tenants import lookup, tasks, throttle
from tenants.context import acting_as
from tenants.mails import email_tokens, password_tokens
from tenants.models import AccessToken, User


class LinkRefused(Exception):
    """The link of a mail is not one of ours, was used, or is too old."""

    def __init__(self) -> None:
        super().__init__("This link was used already or is too old. Ask for a new one.")


def set_password(*, user: User, password: str) -> None:
    """Give a person a password. All their tokens end, and all sessions: those carry a hash of it.

    Whoever keeps the session in which this is done calls `update_session_auth_hash`.
    """
    with transaction.atomic(using=router.db_for_write(User)):
        user.set_password(password)
        user.save(update_fields=["password", "updated_at"])
        end_tokens(user)


def end_tokens(user: User) -> None:
    AccessToken.objects.filter(user=user).update(
        is_deleted=True, deleted_at=timezone.now(), deletion_id=uuid7()
    )


def holds_password(*, user: User, password: str, request: Any) -> bool:
    """Whether this is the person's password; too many guesses raise TooManyAttempts.

    Call it in no transaction that an error would roll back: the count would go with it.
    """
    with throttle.PASSWORD_CHANGE.attempt(str(user.pk), request) as attempt:
        let_go()
        is_right = check_password(password, user.password)
        if is_right:
            attempt.succeed()
    return is_right


def ask_for_password_reset(*, email: str, request: Any) -> None:
    """Have a link mailed to a person, or to nobody: who asks cannot tell by the work it takes."""
    throttle.PASSWORD_RESET.count(email, request)
    user = lookup.find_by_login(email)
    jobs.defer(tasks.mail_password_reset, user_id=str(user.pk if user else uuid4()))


def reset_password(
    *, uid: str, token: str, password: str, request: Any, validate: Callable[[User], None]
) -> None:
    """Let the reader of a mail choose a password; LinkRefused when the link is none of ours.

    `validate` may refuse the password, and leaves the link as it is then. Where the link was used
    is known from now on: others who try the account elsewhere keep nobody out there.
    """

    def choose(user: User) -> None:
        validate(user)
        set_password(user=user, password=password)

    throttle.know(_redeem(uid, token, password_tokens, choose), request)


def ask_for_email_verification(*, user: User, request: Any) -> None:
    """Have a link mailed to a person's own address, unless it is verified."""
    throttle.EMAIL_VERIFICATION.count(str(user.pk), request)
    if not user.is_email_verified:
        jobs.defer(tasks.mail_email_verification, user_id=str(user.pk))


def confirm_email(*, uid: str, token: str) -> None:
    """Note that an address is its person's; LinkRefused when the link is none of ours."""

    def confirm(user: User) -> None:
        user.is_email_verified = True
        user.save(update_fields=["is_email_verified", "updated_at"])

    _redeem(uid, token, email_tokens, confirm)


def person_of(uid: str) -> User | None:
    """The person whose id stands in a link."""
    try:
        return lookup.find_by_id(UUID(urlsafe_base64_decode(uid).decode()))
    except ValueError:
        return None


def _redeem(uid: str, token: str, tokens: Any, use: Callable[[User], None]) -> User:
    """Use a link, once: of two at the same moment the second finds it used."""
    found = person_of(uid)
    if found is None:
        raise LinkRefused
    with acting_as(found):
        user = User.objects.select_for_update().get(pk=found.pk)
        if not tokens.check_token(user, token):
            raise LinkRefused
        use(user)
    return user
