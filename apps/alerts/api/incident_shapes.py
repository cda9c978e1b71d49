"""The shapes the incident API takes and gives."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework import serializers

from apps.alerts.incident_machine import LINKS, ROLES, SEVERITIES, STATUSES
from apps.alerts.models import IncidentTask
from apps.alerts.models.incident import LONGEST_KEY
from apps.core.api.fields import Text

_STATUS_WORDS = "One of " + ", ".join(key for key, _label in STATUSES) + "."


class IncidentSerializer(serializers.Serializer[Any]):
    """One incident in a list."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    title = serializers.CharField()
    severity = serializers.CharField()
    status = serializers.CharField(help_text=_STATUS_WORDS)
    source = serializers.CharField()  # type: ignore[assignment] # the metaclass takes it away
    declared_by = serializers.CharField()
    services = serializers.ListField(child=serializers.CharField())
    merged_into = serializers.IntegerField(source="merged_into_id", allow_null=True)
    started_at = serializers.DateTimeField()
    detected_at = serializers.DateTimeField()
    declared_at = serializers.DateTimeField()
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField(help_text="Send it with a change to refuse overwriting.")


class NewIncidentSerializer(serializers.Serializer[Any]):
    """What to say of a new incident."""

    title = Text(max_length=300)
    severity = Text(max_length=16, help_text="minor, major, critical; also warning, sev1 to sev3.")
    summary = Text(max_length=10_000, default="", allow_blank=True)
    key = Text(
        max_length=LONGEST_KEY, required=False,
        help_text="What it is about, for example the key of an alert group: while an incident of"
        " this key is unresolved, that one is given back.",
    )  # fmt: skip
    services = serializers.ListField(child=Text(max_length=600), default=list, max_length=50)
    episodes = serializers.ListField(
        child=serializers.UUIDField(), default=list, max_length=200,
        help_text="Ids of alerts that belong to it.",
    )  # fmt: skip
    started_at = serializers.DateTimeField(
        required=False, help_text="When users began to be hurt; now by default."
    )
    auto_resolve = serializers.BooleanField(
        default=False, help_text="Resolve it when the last of its alerts ends."
    )


class IncidentTaskSerializer(serializers.Serializer[Any]):
    """One task."""

    id = serializers.IntegerField()
    text = serializers.CharField()
    state = serializers.CharField()
    afterwards = serializers.BooleanField()
    person = serializers.CharField(source="person.username", allow_null=True, default=None)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)


class IncidentLinkSerializer(serializers.Serializer[Any]):
    """One piece of evidence."""

    kind = serializers.CharField()
    ref = serializers.CharField()
    title = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()


class IncidentRoleSerializer(serializers.Serializer[Any]):
    """Who holds a role."""

    role = serializers.CharField()
    person = serializers.CharField(source="person.username")
    since = serializers.DateTimeField()


class IncidentFiguresSerializer(serializers.Serializer[Any]):
    """Seconds; null while unknown."""

    to_detect_s = serializers.FloatField(allow_null=True)
    to_acknowledge_s = serializers.FloatField(allow_null=True)
    to_resolve_s = serializers.FloatField(allow_null=True)
    duration_s = serializers.FloatField(allow_null=True)


class OneIncidentSerializer(IncidentSerializer):
    """One incident with what belongs to it."""

    summary = serializers.CharField()
    auto_resolve = serializers.BooleanField()
    next_statuses = serializers.ListField(child=serializers.CharField())
    episodes = serializers.ListField(child=serializers.UUIDField())
    roles = IncidentRoleSerializer(many=True)
    tasks = IncidentTaskSerializer(many=True)
    links = IncidentLinkSerializer(many=True)
    figures = IncidentFiguresSerializer()


class IncidentChangeSerializer(serializers.Serializer[Any]):
    """What to say of it from now on; what is left out stays."""

    title = Text(max_length=300, required=False)
    summary = Text(max_length=10_000, required=False, allow_blank=True)
    severity = serializers.ChoiceField(choices=SEVERITIES, required=False)


class IncidentMoveSerializer(serializers.Serializer[Any]):
    """A new status."""

    status = Text(max_length=16, help_text=_STATUS_WORDS)
    text = Text(max_length=10_000, default="", allow_blank=True)
    version = serializers.IntegerField(required=False, min_value=1)


class IncidentCommentSerializer(serializers.Serializer[Any]):
    """A comment."""

    text = Text(max_length=10_000)


class IncidentNewTaskSerializer(serializers.Serializer[Any]):
    """A new task."""

    text = Text(max_length=500)
    afterwards = serializers.BooleanField(default=False)
    person = Text(max_length=150, required=False, help_text="A user name.")


class IncidentSettleSerializer(serializers.Serializer[Any]):
    """What became of a task."""

    state = serializers.ChoiceField(choices=IncidentTask.State.choices)


class IncidentNewLinkSerializer(serializers.Serializer[Any]):
    """Evidence, or alerts that belong to it."""

    kind = serializers.ChoiceField(choices=LINKS)
    ref = Text(max_length=1000, help_text="An id, a path in this portal, or an address.")
    title = Text(max_length=300, default="", allow_blank=True)


class IncidentEpisodesSerializer(serializers.Serializer[Any]):
    """Alerts that belong to it."""

    episodes = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=200)


class IncidentNewRoleSerializer(serializers.Serializer[Any]):
    """Who gets a role; null: nobody."""

    role = serializers.ChoiceField(choices=ROLES)
    person = Text(max_length=150, allow_null=True)


class IncidentMergeSerializer(serializers.Serializer[Any]):
    """The incident that this one is a duplicate of."""

    into = serializers.IntegerField(min_value=1, max_value=2**62)


class IncidentMomentSerializer(serializers.Serializer[Any]):
    """One entry of the timeline."""

    at = serializers.DateTimeField()
    origin = serializers.CharField(help_text="incident, alert, notification or deployment.")
    kind = serializers.CharField()
    actor = serializers.CharField()
    text = serializers.CharField()
    detail = serializers.DictField()
    event = serializers.IntegerField(allow_null=True, help_text="The id of a comment.")
    struck_by = serializers.CharField(help_text="Who struck it out; empty for nobody.")
    ref = serializers.CharField()


class IncidentTimelineSerializer(serializers.Serializer[Any]):
    """All entries, oldest first."""

    items = IncidentMomentSerializer(many=True)


class PostMortemSerializer(serializers.Serializer[Any]):
    """One version; version 0 is a draft that was not kept."""

    version = serializers.IntegerField()
    text = serializers.CharField(help_text="Markdown.")
    by = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    generated = serializers.BooleanField()


class NewPostMortemSerializer(serializers.Serializer[Any]):
    """A new version; without a text one is generated."""

    text = Text(max_length=200_000, required=False)
    version = serializers.IntegerField(
        required=False, min_value=0, help_text="The newest version you saw; 0 for none."
    )


class MeansParameters(serializers.Serializer[Any]):
    """Which incidents count."""

    days = serializers.IntegerField(min_value=1, max_value=730, default=30)


class IncidentMeansRowSerializer(serializers.Serializer[Any]):
    """One service; the empty name is all of them together. Means in seconds."""

    service = serializers.CharField()
    incidents = serializers.IntegerField()
    unresolved = serializers.IntegerField()
    to_detect_s = serializers.FloatField(allow_null=True)
    to_acknowledge_s = serializers.FloatField(allow_null=True)
    to_resolve_s = serializers.FloatField(allow_null=True)


class IncidentMeansSerializer(serializers.Serializer[Any]):
    """MTTD, MTTA and MTTR."""

    items = IncidentMeansRowSerializer(many=True)


def person_named(name: str | None) -> User | None:
    """The member of staff with this user name. Raises ValidationError."""
    if name is None:
        return None
    found = User.objects.filter(username=name, is_active=True, is_staff=True).first()
    if found is None:
        raise serializers.ValidationError({"person": ["There is no such person."]})
    return found
