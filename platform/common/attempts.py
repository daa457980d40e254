"""What is said when something has been tried too often."""

from typing import Any

from django.core.exceptions import ValidationError


class TooManyAttempts(Exception):
    """Tried too often; `seconds` until the next attempt counts again."""

    def __init__(self, seconds: int):
        super().__init__(f"There were too many attempts. Try again in {_in_words(seconds)}.")
        self.seconds = seconds


class PausesMixin:
    """Of a form whose validation counts attempts: too many are an error of the form."""

    def clean(self) -> Any:
        try:
            return super().clean()  # type: ignore[misc]
        except TooManyAttempts as refusal:
            raise ValidationError(str(refusal), code="too_many_attempts")


def _in_words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return "a minute" if minutes <= 1 else f"{minutes} minutes"
