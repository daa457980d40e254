"""Verbs on what people think of replies."""

from django.db import transaction

from agents.models import Message, MessageFeedback
from tenants import deletion
from tenants.models import User


@transaction.atomic
def give_feedback(
    *, reply: Message, by: User, rating: str, comment: str = ""
) -> tuple[MessageFeedback, bool]:
    """Keep what somebody who sees a reply thinks of it, in place of what they thought before.

    Return it, and whether it is their first. Raises Gone when the reply has just been deleted.
    """
    deletion.hold(reply)
    return MessageFeedback.objects.update_or_create(
        message=reply, user=by, defaults={"rating": rating, "comment": comment}
    )


@transaction.atomic
def withdraw_feedback(*, reply: Message, by: User) -> None:
    """Take back what somebody thought of a reply. Where there is nothing, nothing is done."""
    if given := MessageFeedback.objects.filter(message=reply, user=by).first():
        deletion.delete(given)
