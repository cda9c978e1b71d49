"""An escalation as programs write and read it: a policy's name, or steps of the rule's own."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.alerts.api.serializers import ChannelSerializer
from apps.alerts.models.escalation import MOST_REPEATS, STEP_WAIT_S
from apps.alerts.services import ownsteps
from apps.alerts.services.ownsteps import StepWish
from apps.core.api.fields import Text

_DAY_S: Final = 86_400
_MOST: Final = 20
_WHAT: Final = (*ownsteps.TARGETS, "declare", "repeat")
_ONE: Final = "A step names one of " + ", ".join(_WHAT) + "."
_STEP: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "after_s": {
            "type": "integer", "minimum": 0, "maximum": _DAY_S,
            "description": "Seconds after the step before; of the first, after the alert. "
            f"Left out: 0 for the first, {STEP_WAIT_S} for the others.",
        },
        "person": {"type": "string", "description": "Page a person: a user name."},
        "team": {"type": "string", "description": "Page a team: its name."},
        "schedule": {"type": "string", "description": "Page whoever is on call in it."},
        "channel": {
            "description": "Tell a channel: its name, its number, or what makes one.",
            "oneOf": [
                {"type": "string"},
                {"type": "integer"},
                {"type": "object", "additionalProperties": True},
            ],
        },
        "declare": {"type": "boolean", "enum": [True], "description": "Declare an incident."},
        "repeat": {
            "type": "integer", "minimum": 1, "maximum": MOST_REPEATS,
            "description": "Begin again, so many times; the last step.",
        },
        "name": {"type": "string", "description": "Told of a channel; not read."},
    },
    "additionalProperties": False,
}  # fmt: skip
_SCHEMA: Final[dict[str, Any]] = {
    "nullable": True,
    "oneOf": [
        {"type": "string", "maxLength": 200},
        {"type": "array", "items": _STEP, "minItems": 1, "maxItems": _MOST},
    ],
}


@extend_schema_field(_SCHEMA)
class EscalationField(serializers.Field[Any, Any, Any, Any]):
    """The name of a policy, or a list of steps."""

    def to_internal_value(self, data: Any) -> str | list[StepWish]:
        """The name, or the steps as wishes. Raises ValidationError by the number of the step."""
        if isinstance(data, str):
            return _name(data)
        if not isinstance(data, list) or not 1 <= len(data) <= _MOST:
            raise serializers.ValidationError(
                f"An escalation is the name of a policy, or 1 to {_MOST} steps."
            )
        found: list[StepWish] = []
        wrong: dict[str, Any] = {}
        for number, told in enumerate(data):
            try:
                found.append(_step(told, first=number == 0))
            except serializers.ValidationError as error:
                wrong[str(number)] = error.detail
        if wrong:
            raise serializers.ValidationError(wrong)
        return found

    def to_representation(self, value: Any) -> Any:
        """As it was sent."""
        return value


@extend_schema_field(_SCHEMA)
class ShownEscalationField(serializers.Field[Any, Any, Any, Any]):
    """The escalation of a rule, in the form in which it is sent."""

    def to_representation(self, value: Any) -> Any:
        """The policy's name, the rule's own steps, or None."""
        return ownsteps.shown(value)


def _step(told: Any, *, first: bool) -> StepWish:
    if not isinstance(told, dict):
        raise serializers.ValidationError(_ONE)
    named = [name for name in _WHAT if name in told]
    if len(named) != 1 or not set(told) <= {"after_s", "name", *_WHAT}:
        raise serializers.ValidationError(_ONE)
    after_s = told.get("after_s", 0 if first else STEP_WAIT_S)
    if not _whole(after_s, 0, _DAY_S):
        raise serializers.ValidationError({"after_s": [f"A number from 0 to {_DAY_S}."]})
    what = named[0]
    return StepWish(what, after_s, _target(what, told[what]))


def _target(what: str, told: Any) -> Any:
    if what == "declare":
        fits = told is True
    elif what == "repeat":
        fits = _whole(told, 1, MOST_REPEATS)
    elif what == "channel" and isinstance(told, dict):
        return _channel(told)
    elif isinstance(told, str):
        return _named(what, told)
    else:
        fits = what == "channel" and _whole(told, 1, 2**63 - 1)
    if not fits:
        kinds = {"declare": "true", "repeat": f"A number from 1 to {MOST_REPEATS}"}
        kinds["channel"] = "A name, a number, or a channel with `kind`"
        raise serializers.ValidationError({what: [f"{kinds.get(what, 'A name')}."]})
    return told


def _named(what: str, told: str) -> str:
    try:
        return _name(told)
    except serializers.ValidationError as error:
        raise serializers.ValidationError({what: error.detail}) from error


def _name(told: str) -> str:
    # The field knows what no database takes: NUL, halves of a character.
    name: str = Text(max_length=200).run_validation(told)
    return name


def _channel(told: dict[str, Any]) -> Any:
    read = ChannelSerializer(data=told)
    if not read.is_valid():
        raise serializers.ValidationError({"channel": read.errors})
    return ChannelSerializer.wish(read.validated_data)


def _whole(told: Any, least: int, most: int) -> bool:
    return isinstance(told, int) and not isinstance(told, bool) and least <= told <= most
