"""References to other rows: an id that the caller cannot see is as unknown as one made up."""

from typing import Any

from rest_framework import serializers
from rest_framework.relations import MANY_RELATION_KWARGS


class IdField(serializers.UUIDField):
    """An id, as text: any number would make one, too."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class ListOfRows(serializers.ManyRelatedField):
    """Several references, in a list: the names in an object would pass for one."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            self.fail("not_a_list", input_type=type(data).__name__)
        return super().to_internal_value(data)


class _Reference(serializers.RelatedField):
    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> ListOfRows:
        options = {name: kwargs[name] for name in MANY_RELATION_KWARGS if name in kwargs}
        return ListOfRows(child_relation=cls(*args, **kwargs), **options)


class ReferenceField(_Reference, serializers.PrimaryKeyRelatedField):
    """The id of another row of the organization."""

    default_error_messages = {
        "does_not_exist": "There is none with this id that you can see.",
        "incorrect_type": "This must be an id.",
    }

    def __init__(self, **kwargs: Any):
        super().__init__(pk_field=IdField(), **kwargs)


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


class NameField(_Reference, serializers.SlugRelatedField):
    """The name of a row that is everybody's."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or "\x00" in data:  # PostgreSQL has no character zero
            self.fail("invalid")
        return super().to_internal_value(data)
