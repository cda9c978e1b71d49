"""What goes in and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rest_framework import serializers

from apps.core.errors import InvalidInputError, PortalError, error_body

MOST_ITEMS: Final = 20
SAFE: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Item:
    """One call. `number` is its place, from 1; `body` None sends none."""

    number: int
    method: str
    path: str
    id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def safe(self) -> bool:
        """Whether it only reads, so that others may run beside it."""
        return self.method in SAFE


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one call."""

    status: int
    headers: Mapping[str, str]
    body: Any


def refused(item: Item, error: PortalError) -> Result:
    """The result of a call that was not made, or whose answer is not passed on."""
    path = item.path.partition("?")[0]
    body = error_body(error.code, error.message, path=path, details=error.details)
    return Result(error.status, {"Content-Type": "application/json", **error.headers}, body)


class _Text:
    """Text only: what the schema calls a string is not a number that could be written as one."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")  # type: ignore[attr-defined]
        return super().to_internal_value(data)  # type: ignore[misc]


class _TextField(_Text, serializers.CharField):
    pass


class _IdField(_Text, serializers.RegexField):
    pass


class ItemSerializer(serializers.Serializer[Any]):
    """One call."""

    id = _IdField(
        r"\A[A-Za-z0-9._:-]{1,64}\Z", required=False, allow_null=True,
        help_text="Yours, to find the result by; results come in order anyway.",
    )  # fmt: skip
    method = serializers.ChoiceField(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    path = _TextField(
        max_length=4000, trim_whitespace=False,
        help_text="With its query, such as /admin/audit?page=2.",
    )  # fmt: skip
    headers = serializers.DictField(
        child=_TextField(max_length=4000), required=False,
        help_text="If-None-Match, If-Modified-Since, Accept-Language. "
        "Who calls is the caller of the batch.",
    )  # fmt: skip
    body = serializers.JSONField(required=False, allow_null=True, help_text="Sent as JSON.")


class BatchSerializer(serializers.Serializer[Any]):
    """Up to 20 calls."""

    requests = serializers.ListField(child=ItemSerializer(), min_length=1, max_length=MOST_ITEMS)


class ResultSerializer(serializers.Serializer[Any]):
    """What became of one call."""

    id = serializers.CharField(allow_null=True)
    status = serializers.IntegerField(
        help_text="As if it had come alone; 504 where the time of the batch ran out."
    )
    headers = serializers.DictField(child=serializers.CharField())
    body = serializers.JSONField(allow_null=True)


class BatchResultSerializer(serializers.Serializer[Any]):
    """The results, in the order of the calls."""

    items = ResultSerializer(many=True)


def read(data: Any) -> list[Item]:
    """The calls of a batch. Raises InvalidInputError or ValidationError before any of them runs."""
    calls = data.get("requests") if isinstance(data, dict) else None
    # Before anything looks at the calls themselves: ten thousand cost no more than twenty.
    if isinstance(calls, list) and len(calls) > MOST_ITEMS:
        raise InvalidInputError(
            f"A batch holds at most {MOST_ITEMS} requests; send several batches.",
            {"limit": MOST_ITEMS, "requests": len(calls)},
        )
    shape = BatchSerializer(data=data)
    shape.is_valid(raise_exception=True)
    items = [
        Item(number, **call) for number, call in enumerate(shape.validated_data["requests"], 1)
    ]
    ids = [item.id for item in items if item.id is not None]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise InvalidInputError("Two requests of a batch have the same id.", {"ids": twice})
    return items
