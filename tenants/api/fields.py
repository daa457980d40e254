"""References to other rows: an id that the caller cannot see is as unknown as one made up."""

from typing import Any

from rest_framework import serializers


class ReferenceField(serializers.PrimaryKeyRelatedField):
    """The id of another row of the organization."""

    default_error_messages = {
        "does_not_exist": "There is none with this id that you can see.",
        "incorrect_type": "This must be an id.",
    }

    def __init__(self, **kwargs: Any):
        super().__init__(pk_field=serializers.UUIDField(), **kwargs)


class LivingField(ReferenceField):
    """The id of a row, null once that one is deleted. Select it with the rows of a list."""

    def use_pk_only_optimization(self) -> bool:
        return False

    def get_attribute(self, instance: Any) -> Any:
        row: Any = super().get_attribute(instance)
        return None if row is None or row.is_deleted else row


class VisibleField(ReferenceField):
    """The id of a row that `visible_to` shows the caller."""

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.visible_to(self.context["request"].user)


class OpenProjectField(ReferenceField):
    """The id of a project that the caller may put something into."""

    def get_queryset(self) -> Any:
        projects: Any = super().get_queryset()
        return projects.open_to(self.context["request"].user)
