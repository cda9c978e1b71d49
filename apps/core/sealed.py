"""A model field for what must be kept and never shown: DSNs, webhook addresses, signing keys.

    dsn = SealedTextField(purpose="monitoring.source")

    source.dsn = "postgresql://…"      # sealed on the way to the database
    str(source.dsn), repr(source.dsn)  # "***"
    source.dsn.reveal()                # the text; raises vault.SealBrokenError

Forms leave the field out, serializers and dumps show the mask or the seal, and no lookup compares
it: name a column for the keyed hash in `fingerprint` and ask that one. `rotate_secrets` reseals
every such column after SECRET_KEY has changed.
"""

import hmac
from typing import TYPE_CHECKING, Any, Final, Self

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.lookups import Exact, IsNull
from django.db.models.query_utils import DeferredAttribute

from apps.core import vault
from apps.core.masking import MASK

if TYPE_CHECKING:
    _TextField = models.TextField[str | "Secret", "Secret"]
else:
    _TextField = models.TextField
_CLOSED: Final = "A sealed column cannot be compared with a text: filter by its fingerprint."


class Secret:
    """A text that shows itself only when asked by `reveal`. Holds the seal, not the text."""

    __slots__ = ("_purpose", "sealed")

    def __init__(self, sealed: str, purpose: str) -> None:
        self.sealed = sealed
        self._purpose = purpose

    @classmethod
    def of(cls, text: str, purpose: str) -> Self:
        """The text, sealed now; an empty one stays empty."""
        return cls(vault.seal(text, purpose=purpose) if text else "", purpose)

    def reveal(self) -> str:
        """The text in clear. Raises `vault.SealBrokenError`."""
        return vault.open_sealed(self.sealed, purpose=self._purpose) if self.sealed else ""

    def __str__(self) -> str:
        return MASK if self.sealed else ""

    def __repr__(self) -> str:
        return f"<Secret {self}>" if self.sealed else "<Secret, empty>"

    def __bool__(self) -> bool:
        return bool(self.sealed)

    def __eq__(self, other: object) -> bool:
        """Whether both are the same seal; two seals of one text differ."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.sealed, other.sealed)

    def __hash__(self) -> int:
        return hash(self.sealed)


class _Sealing(DeferredAttribute):
    """The attribute of a model: a text set here is sealed at once, so no repr can show it."""

    field: "SealedTextField"

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = self.field.to_python(value)


class SealedTextField(_TextField):
    """A text column that holds seals. `fingerprint` names the column of its keyed hash, if any."""

    descriptor_class = _Sealing

    def __init__(self, *args: Any, purpose: str, fingerprint: str = "", **kwargs: Any) -> None:
        self.purpose = purpose
        self.fingerprint = fingerprint
        kwargs["editable"] = False
        kwargs.setdefault("default", "")
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        """Purpose and fingerprint are part of what migrations write down."""
        name, path, args, kwargs = super().deconstruct()
        kwargs["purpose"] = self.purpose
        if self.fingerprint:
            kwargs["fingerprint"] = self.fingerprint
        return name, path, args, kwargs

    def to_python(self, value: Any) -> Secret | None:
        """A Secret of whatever was set; None stays None."""
        if value is None or isinstance(value, Secret):
            return value
        return Secret.of(str(value), self.purpose)

    def from_db_value(self, value: str | None, *_: Any) -> Secret | None:
        """What the column holds, closed."""
        return None if value is None else Secret(value, self.purpose)

    def get_prep_value(self, value: Any) -> str | None:
        """The seal."""
        secret = self.to_python(value)
        return None if secret is None else secret.sealed

    def value_to_string(self, obj: models.Model) -> str:
        """For dumps: the mask. A dump leaves the machine, the key it was sealed with does not."""
        return str(self.value_from_object(obj) or "")

    def get_lookup(self, lookup_name: str) -> Any:
        """Whether it is null, or still the seal one has read; two seals of one text differ."""
        known = {"isnull": IsNull, "exact": _SameSeal}
        if lookup_name not in known:
            raise FieldError(_CLOSED)
        return known[lookup_name]

    def get_transform(self, lookup_name: str) -> Any:  # noqa: ARG002
        """None at all."""
        raise FieldError(_CLOSED)


class _SameSeal(Exact):
    def get_prep_lookup(self) -> Any:
        if not isinstance(self.rhs, Secret):
            raise FieldError(_CLOSED)
        return super().get_prep_lookup()
