"""Fields of bodies that take what they say and nothing near it."""

import math
from typing import Any

from rest_framework import serializers


class Text(serializers.CharField):
    """Text as sent: DRF's would make it of a number."""

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ValidationError for anything else."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Finite(serializers.FloatField):
    """A number that is one: neither infinite nor true."""

    def to_internal_value(self, data: Any) -> float:
        """The number. Raises ValidationError for anything else."""
        value = super().to_internal_value(data)
        if isinstance(data, bool) or not math.isfinite(value):
            self.fail("invalid")
        return value
