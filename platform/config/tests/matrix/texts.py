"""A text for every column that takes one, which tells whose the row is and who may read it."""

from itertools import count
from typing import Any

from django.core.files.base import ContentFile
from django.db import DataError, IntegrityError, models, transaction

from tenants.control_plane import platform_models
from tenants.tests.rows import _VALUES, make_row

# In the texts of the control plane, of content (never platform staff's), and of deleted rows.
CANARY, SEALED, ERASED = "canary", "goldfinch", "dodobird"

_numbers = count(1)


def make_full_row(model: Any, made: dict[str, Any], slug: str, word: str = "", **given: Any) -> Any:
    """Make a row with a text in each column; where the database refuses that, without.

    `test_every_column_holds_a_text` names the columns that remain without.
    """
    word = word or (CANARY if model in platform_models() else SEALED)
    text = f"{word}{slug}{next(_numbers)}"
    try:
        with transaction.atomic():
            row = make_row(model, made, slug, **_texts(model, text, slug) | given)
    except (IntegrityError, DataError):
        row = make_row(model, made, slug, **given)
    _store_files(row, text)
    return row


def takes_text(column: Any) -> bool:
    if column.choices or column.generated or column.remote_field:
        return False
    return isinstance(column, models.CharField | models.TextField | models.JSONField)


def _texts(model: Any, text: str, slug: str) -> dict[str, Any]:
    """Texts by column, and numbers that no other row has for columns that must be unique."""
    known = _VALUES.get(model._meta.label, {})
    unique = {
        name
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
        for name in constraint.fields
    }
    found: dict[str, Any] = {}
    for column in model._meta.concrete_fields:
        if column.name in known and column.name not in unique:
            continue
        if takes_text(column):
            found[column.name] = _text(column, text, slug)
        elif isinstance(column, models.IntegerField) and column.name in unique:
            found[column.name] = next(_numbers)
    return found


def _text(column: Any, text: str, slug: str) -> Any:
    match column:
        case models.EmailField():
            return f"{text}@{slug}.test"
        case models.URLField():
            return f"https://{text}.test/"
        case models.JSONField():
            is_list = column.has_default() and isinstance(column.get_default(), list)
            return [text] if is_list else {"note": text}
    return text[: column.max_length]


def _store_files(row: Any, text: str) -> None:
    for column in row._meta.concrete_fields:
        if isinstance(column, models.FileField):
            file = getattr(row, column.name)
            file.save(text, ContentFile(f"# {text}\n".encode()), save=False)
            type(row)._base_manager.filter(pk=row.pk).update(**{column.name: file.name})
