from math import isnan
from typing import Any

from rest_framework import serializers

from agents.messages import reply_data
from agents.models import AgentConfig, AgentVersion, Conversation, Message, MessageFeedback
from common.api.fields import FlagField, JSONObjectField
from tenants.api.fields import LivingField, OpenProjectField, ReferenceField, VisibleField
from tenants.models import Project

MAX_TOOLS = 100
MAX_QUESTION_CHARACTERS = 100_000

_PUBLIC_FIELDS = [
    "id",
    "name",
    "slug",
    "description",
    "agent_type",
    "project",
    "model_name",
    "is_active",
    "version",
    "created_at",
    "updated_at",
]
_SETTINGS_FIELDS = [
    "fallback_model",
    "system_prompt",
    "temperature",
    "max_tokens",
    "tools",
    "metadata",
]


class PublicAgentSerializer(serializers.ModelSerializer):
    """An agent as those who converse with it see it: what it is for, not how it is told to act."""

    version = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The published version; null for a draft."
    )

    class Meta:
        model = AgentConfig
        fields = _PUBLIC_FIELDS
        read_only_fields = fields


class AgentSerializer(serializers.ModelSerializer):
    """An agent as those who edit it see it. Without a project it serves every one."""

    project = OpenProjectField(queryset=Project.objects.all(), allow_null=True, required=False)
    is_active = FlagField(default=True)
    tools = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, max_length=MAX_TOOLS
    )
    metadata = JSONObjectField(required=False)
    version = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The published version; null for a draft."
    )

    class Meta:
        model = AgentConfig
        fields = [*_PUBLIC_FIELDS, *_SETTINGS_FIELDS]

    def validate_temperature(self, value: float) -> float:
        """Refuse what is no number, which passes any comparison with the limits."""
        if isnan(value):
            raise serializers.ValidationError("A valid number is required.")
        return value


class VisibleAgentSerializer(serializers.Serializer):
    """An agent as the one who asks may see it."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = AgentSerializer if instance.is_editable else PublicAgentSerializer
        return shown(context=self.context).to_representation(instance)


class PublishSerializer(serializers.Serializer):
    note = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="What has changed."
    )


class VersionSerializer(serializers.ModelSerializer):
    """A published version of an agent. It never changes."""

    published_by = LivingField(read_only=True)

    class Meta:
        model = AgentVersion
        fields = [
            "id",
            "number",
            "note",
            "published_by",
            "agent_type",
            "model_name",
            *_SETTINGS_FIELDS,
            "created_at",
        ]
        read_only_fields = fields


class ConversationSerializer(serializers.ModelSerializer):
    class Meta:
        model = Conversation
        fields = [
            "id",
            "agent",
            "project",
            "user",
            "title",
            "message_count",
            "created_at",
            "updated_at",
        ]
        read_only_fields = ["agent", "project", "user", "message_count"]


class StartConversationSerializer(serializers.Serializer):
    """With whom to converse, and where."""

    agent = VisibleField(queryset=AgentConfig.objects.all())
    project = VisibleField(queryset=Project.objects.all())
    title = serializers.CharField(max_length=255, required=False, allow_blank=True)


class ReplyField(ReferenceField):
    """The id of a reply of the conversation that the path names."""

    def get_queryset(self) -> Any:
        replies: Any = super().get_queryset()
        # A page that says that there is no such conversation has its form, too.
        conversation = getattr(self.context["view"], "parent", None)
        return replies.filter(conversation=conversation) if conversation else replies.none()


class AskSerializer(serializers.Serializer):
    """A question. It follows the newest reply, unless it is said which (null: none)."""

    content = serializers.CharField(
        max_length=MAX_QUESTION_CHARACTERS, style={"base_template": "textarea.html"}
    )
    reply_to = ReplyField(
        queryset=Message.objects.filter(role=Message.Role.ASSISTANT),
        required=False,
        allow_null=True,
        help_text="To ask in a branch of its own: the reply that the question follows.",
    )


class FeedbackSerializer(serializers.ModelSerializer):
    """What somebody thinks of a reply."""

    user = LivingField(read_only=True)

    class Meta:
        model = MessageFeedback
        fields = ["user", "rating", "comment", "created_at", "updated_at"]


class OwnFeedbackSerializer(serializers.ModelSerializer):
    class Meta:
        model = MessageFeedback
        fields = ["rating", "comment"]


class CitationSerializer(serializers.Serializer):
    """A quote: exactly as it stands in the passage of the document."""

    number = serializers.IntegerField()
    document = serializers.UUIDField()
    filename = serializers.CharField()
    chunk = serializers.UUIDField()
    page = serializers.IntegerField(allow_null=True)
    quote = serializers.CharField()


class MessageSerializer(serializers.Serializer):
    """A message. A reply is pending until its turn has ended; its quotes name where they stand."""

    id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=Message.Role.choices)
    content = serializers.CharField()
    status = serializers.ChoiceField(choices=Message.Status.choices)
    finish_reason = serializers.CharField()
    tokens_used = serializers.IntegerField(allow_null=True)
    citations = CitationSerializer(many=True)
    agent_version = serializers.IntegerField(allow_null=True)
    reply_to = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()
    error = serializers.CharField(required=False, help_text="Why it failed, where it did.")
    feedback = OwnFeedbackSerializer(
        required=False, allow_null=True, help_text="The caller's own; not in streams."
    )

    def to_representation(self, instance: Message) -> dict[str, Any]:
        """As the streams show it: the fields above tell the schema what that is."""
        data = reply_data(instance)
        if hasattr(instance, "own_feedback"):
            given = OwnFeedbackSerializer(instance.own_feedback, many=True).data
            data["feedback"] = given[0] if given else None
        return data
