"""The shapes other systems' alerts come in. They are told, not enforced: what is read is read by
`apps.alerts.foreign`, which keeps good alerts whatever their neighbours are like."""

from typing import Any

from rest_framework import serializers


class TakenAlertsSerializer(serializers.Serializer[Any]):
    """How many different alerts were taken in."""

    alerts = serializers.IntegerField()


class PostableAlertSerializer(serializers.Serializer[Any]):
    """One alert, as Alertmanager's API v2 has it."""

    labels = serializers.DictField(child=serializers.CharField())
    annotations = serializers.DictField(child=serializers.CharField(), required=False)
    startsAt = serializers.DateTimeField(required=False)  # noqa: N815 (Alertmanager's name)
    endsAt = serializers.DateTimeField(required=False)  # noqa: N815
    generatorURL = serializers.CharField(required=False)  # noqa: N815


class AlertmanagerReceiverSerializer(serializers.Serializer[Any]):
    """A receiver."""

    name = serializers.CharField()


class AlertmanagerAlertStatusSerializer(serializers.Serializer[Any]):
    """Whether it pages."""

    state = serializers.CharField(help_text="active or suppressed.")
    silencedBy = serializers.ListField(child=serializers.CharField())  # noqa: N815
    inhibitedBy = serializers.ListField(child=serializers.CharField())  # noqa: N815


class GettableAlertSerializer(PostableAlertSerializer):
    """One alert, as it is given."""

    fingerprint = serializers.CharField()
    updatedAt = serializers.DateTimeField()  # noqa: N815
    receivers = AlertmanagerReceiverSerializer(many=True)
    status = AlertmanagerAlertStatusSerializer()


class AlertmanagerMatcherSerializer(serializers.Serializer[Any]):
    """One matcher of a silence."""

    name = serializers.CharField(max_length=255)
    value = serializers.CharField(max_length=1024, allow_blank=True, trim_whitespace=False)
    isRegex = serializers.BooleanField()  # noqa: N815
    isEqual = serializers.BooleanField(default=True)  # noqa: N815


class PostableSilenceSerializer(serializers.Serializer[Any]):
    """A silence to make; with an id, to change."""

    id = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=64)
    matchers = AlertmanagerMatcherSerializer(many=True, allow_empty=False, max_length=20)  # type: ignore[call-arg]
    startsAt = serializers.DateTimeField()  # noqa: N815
    endsAt = serializers.DateTimeField()  # noqa: N815
    createdBy = serializers.CharField(max_length=100)  # noqa: N815
    comment = serializers.CharField(max_length=2000)


class AlertmanagerSilenceIdSerializer(serializers.Serializer[Any]):
    """The silence in force."""

    silenceID = serializers.CharField()  # noqa: N815


class AlertmanagerSilenceStatusSerializer(serializers.Serializer[Any]):
    """Where a silence stands."""

    state = serializers.CharField(help_text="pending, active or expired.")


class GettableSilenceSerializer(serializers.Serializer[Any]):
    """One silence, as it is given."""

    id = serializers.CharField()
    status = AlertmanagerSilenceStatusSerializer()
    updatedAt = serializers.DateTimeField()  # noqa: N815
    matchers = AlertmanagerMatcherSerializer(many=True)
    startsAt = serializers.DateTimeField()  # noqa: N815
    endsAt = serializers.DateTimeField()  # noqa: N815
    createdBy = serializers.CharField()  # noqa: N815
    comment = serializers.CharField()


class AlertmanagerStatusSerializer(serializers.Serializer[Any]):
    """What Alertmanager tells of itself, as far as it is true here."""

    cluster = serializers.DictField()
    config = serializers.DictField()
    uptime = serializers.DateTimeField()
    versionInfo = serializers.DictField(child=serializers.CharField())  # noqa: N815
