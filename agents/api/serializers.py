from math import isnan
from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents import validation
from agents.agent_templates import TEMPLATES
from agents.messages import reply_data
from agents.models import AgentConfig, AgentVersion, Conversation, Message, MessageFeedback
from agents.models.agent import AgentType
from common.api.fields import FlagField, JSONObjectField
from tenants.api.fields import LivingField, OpenProjectField, ReferenceField, VisibleField
from tenants.models import Project

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
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=validation.MAX_TOOLS,
    )
    metadata = JSONObjectField(required=False)
    version = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The published version; null for a draft."
    )

    class Meta:
        model = AgentConfig
        fields = [*_PUBLIC_FIELDS, *_SETTINGS_FIELDS]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Whoever changes a setting leaves all of them as an agent can have them."""
        if attrs.keys() & set(validation.SETTINGS):
            values = validation.settings_of(self.instance or AgentConfig()) | attrs
            organization_id = cast(UUID, self.context["request"].user.organization_id)
            faults = validation.faults_of(values, organization_id)
            if faults:
                raise serializers.ValidationError(cast(Any, faults))
        return attrs

    def validate_temperature(self, value: float) -> float:
        """Refuse what is no number, which passes any comparison with the limits."""
        if isnan(value):
            raise serializers.ValidationError("A valid number is required.")
        return value


class WarningSerializer(serializers.Serializer):
    field = serializers.CharField()
    detail = serializers.CharField()


class ChangedAgentSerializer(AgentSerializer):
    """An agent that was written: `warnings` say what keeps it from answering for now."""

    warnings = serializers.SerializerMethodField()

    class Meta(AgentSerializer.Meta):
        fields = [*AgentSerializer.Meta.fields, "warnings"]

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, agent: AgentConfig) -> list[dict[str, str]]:
        return validation.warnings_of(agent)


class NewAgentSerializer(ChangedAgentSerializer):
    """An agent to make: from a template, which gives what is not said, or without one."""

    template = serializers.ChoiceField(
        choices=AgentType.choices,
        required=False,
        write_only=True,
        help_text="Gives the settings that are not said here.",
    )

    class Meta(ChangedAgentSerializer.Meta):
        fields = [*ChangedAgentSerializer.Meta.fields, "template"]
        extra_kwargs = {"agent_type": {"required": False}, "system_prompt": {"required": False}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        template = TEMPLATES.get(attrs.pop("template", ""))
        attrs = (template.settings() if template else {}) | attrs
        missing = [name for name in ("agent_type", "system_prompt") if name not in attrs]
        if missing:
            message = [self.error_messages["required"]]
            raise serializers.ValidationError(cast(Any, dict.fromkeys(missing, message)))
        return super().validate(attrs)


class TemplateSerializer(serializers.Serializer):
    """An agent to begin with, by its type. Name it in `template` of a new agent."""

    agent_type = serializers.ChoiceField(choices=AgentType.choices)
    name = serializers.CharField()
    description = serializers.CharField()
    system_prompt = serializers.CharField()
    temperature = serializers.FloatField()
    max_tokens = serializers.IntegerField()
    tools = serializers.ListField(child=serializers.CharField())


class VisibleAgentSerializer(serializers.Serializer):
    """An agent as the one who asks may see it."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown = AgentSerializer if instance.is_editable else PublicAgentSerializer
        return shown(context=self.context).to_representation(instance)


class PublishSerializer(serializers.Serializer):
    """What to publish, and why."""

    note = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="What has changed."
    )
    version = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        help_text="The number of an older version to publish again; without one, the draft.",
    )


class ChangeSerializer(serializers.Serializer):
    """A setting that differs. `lines` is the unified diff of a prompt."""

    field = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()
    lines = serializers.ListField(child=serializers.CharField())


class DiffSerializer(serializers.Serializer):
    """What has changed between two versions of an agent, null being the draft."""

    before = serializers.IntegerField(allow_null=True)
    after = serializers.IntegerField(allow_null=True)
    changes = ChangeSerializer(many=True)


class VersionSerializer(serializers.ModelSerializer):
    """A version of an agent, which never changes: published, or without a number, tried."""

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
    draft = serializers.BooleanField(source="is_draft", read_only=True)

    class Meta:
        model = Conversation
        fields = [
            "id",
            "agent",
            "project",
            "user",
            "draft",
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
    draft = FlagField(
        source="is_draft",
        default=False,
        help_text="Try the agent's draft, which those may who may change it.",
    )


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
    agent_version = serializers.IntegerField(allow_null=True, help_text="Null for a draft.")
    agent_version_id = serializers.UUIDField(allow_null=True)
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
