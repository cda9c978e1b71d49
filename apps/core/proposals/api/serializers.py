"""What the API of proposals takes and gives."""

from typing import Any

from rest_framework import serializers

from apps.core.proposals.conf import REASON_LENGTH
from apps.core.proposals.models.history import StepMark
from apps.core.proposals.models.words import OUTCOMES, RISKS, STATES

Base = serializers.Serializer[Any]


class ProposalFilterSerializer(Base):
    """Filters of the list; all of them together."""

    state = serializers.ChoiceField(STATES, required=False)
    kind = serializers.CharField(max_length=64, required=False)
    risk = serializers.ChoiceField(RISKS, required=False)
    target = serializers.CharField(max_length=300, required=False, help_text="The whole target.")


class GainSerializer(Base):
    """A measured gain, positive is better, with its 95 % interval."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    relative = serializers.BooleanField(help_text="As a fraction of the value before.")


class PredictionSerializer(Base):
    """The promised gain."""

    metric = serializers.CharField()
    unit = serializers.CharField()
    direction = serializers.ChoiceField(["decrease", "increase"])
    expected = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    relative = serializers.BooleanField(help_text="As a fraction of the value before.")


class MeasurementSerializer(Base):
    """One measured window; null is unknown, never 0."""

    value = serializers.FloatField(allow_null=True)
    samples = serializers.IntegerField()
    spread = serializers.FloatField(allow_null=True, help_text="Standard deviation.")


class ProposalSerializer(Base):
    """A row of the list."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    target = serializers.CharField()
    title = serializers.CharField()
    risk = serializers.ChoiceField(RISKS)
    state = serializers.ChoiceField(STATES)
    outcome = serializers.ChoiceField(OUTCOMES, allow_blank=True)
    predicted = PredictionSerializer(allow_null=True)
    gain = GainSerializer(allow_null=True)
    plan_hash = serializers.CharField()
    author = serializers.CharField(source="author_name")
    reason = serializers.CharField(source="decision_reason", allow_blank=True)
    failure = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    applied_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class EvidenceSerializer(Base):
    """One line of evidence."""

    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.JSONField(allow_null=True, help_text="A number or text; null is unknown.")
    unit = serializers.CharField(allow_blank=True)
    url = serializers.CharField(allow_blank=True)


class ApprovalSerializer(Base):
    """One person's word."""

    by = serializers.CharField(source="approval.username")
    at = serializers.DateTimeField(source="approval.at")
    plan_hash = serializers.CharField(source="approval.plan_hash")
    reason = serializers.CharField(source="approval.reason", allow_blank=True)
    counts = serializers.BooleanField(help_text="False once the person may no longer approve.")


class StepSerializer(Base):
    """One step of the change, as the journal has it."""

    number = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.ChoiceField(StepMark.choices, source="mark")
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class EventSerializer(Base):
    """One line of the history."""

    at = serializers.DateTimeField()
    move = serializers.CharField()
    before = serializers.CharField(allow_blank=True)
    after = serializers.CharField()
    actor = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)


class ProposalDetailSerializer(Base):
    """Everything about one proposal."""

    proposal = ProposalSerializer()
    evidence = EvidenceSerializer(many=True, source="proposal.evidence")
    plan = serializers.JSONField(source="proposal.plan")
    rollback_plan = serializers.JSONField(source="proposal.rollback_plan")
    does = serializers.CharField(help_text="Exactly what will be done, a line for each effect.")
    undoes = serializers.CharField(help_text="What a rollback will do.")
    approvals = ApprovalSerializer(many=True)
    missing = serializers.IntegerField(help_text="How many people still have to approve.")
    before = MeasurementSerializer(allow_null=True, source="proposal.before")
    after = MeasurementSerializer(allow_null=True, source="proposal.after")
    steps = StepSerializer(many=True)
    events = EventSerializer(many=True)


class ApproveSerializer(Base):
    """An approval is for the plan that was seen."""

    plan_hash = serializers.RegexField(r"^[0-9a-f]{64}\Z", help_text="As the proposal shows it.")
    reason = serializers.CharField(max_length=REASON_LENGTH, default="", allow_blank=True)


class ReasonSerializer(Base):
    """Why."""

    reason = serializers.CharField(max_length=REASON_LENGTH)


class StartSerializer(Base):
    """Nothing has to be said."""
