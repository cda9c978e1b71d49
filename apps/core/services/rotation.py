"""Seal every stored secret again under today's SECRET_KEY."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import IntegrityError, models, transaction

from apps.core import caller, vault
from apps.core.sealed import SealedTextField, Secret
from apps.core.services import audit


@dataclass
class Column:
    """One sealed column and what became of its rows."""

    name: str
    resealed: int = 0
    current: int = 0
    # Cannot be opened with any key that is set.
    broken: int = 0
    # Under its new hash the row would be a second one for the same text.
    doubled: int = 0

    @property
    def whole(self) -> bool:
        """Whether the former key is no longer needed for this column."""
        return not self.broken and not self.doubled


def rotate(batch_rows: int = 500) -> Iterator[Column]:
    """Reseal column by column; yields each when done. Safe to run again and beside writers."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, SealedTextField):
                yield _rotate(model, field, batch_rows)


def _rotate(model: type[models.Model], field: SealedTextField, batch_rows: int) -> Column:
    column = Column(f"{model._meta.label}.{field.name}")
    after = None
    while True:
        rows = model._default_manager.order_by("pk").values_list("pk", field.attname)
        batch = list((rows if after is None else rows.filter(pk__gt=after))[:batch_rows])
        for key, secret in batch:
            if secret:
                _reseal(model, field, key, secret, column)
        if len(batch) < batch_rows:
            _note(column)
            return column
        after = batch[-1][0]


def _note(column: Column) -> None:
    # The rows are changed by UPDATE, which tables under audit do not hear of.
    if column.resealed:
        rows = {"resealed": column.resealed, "broken": column.broken, "doubled": column.doubled}
        audit.record(caller.actor(), "seal.renew", column.name, None, rows)


def _reseal(
    model: type[models.Model], field: SealedTextField, key: object, secret: Secret, column: Column
) -> None:
    try:
        renewed = vault.reseal(secret.sealed, purpose=field.purpose)
        if renewed is None:
            column.current += 1
            return
        changes: dict[str, object] = {field.attname: Secret(renewed, field.purpose)}
        if field.fingerprint:
            text = vault.open_sealed(renewed, purpose=field.purpose)
            changes[field.fingerprint] = vault.fingerprint(text, purpose=field.purpose)
    except vault.SealBrokenError:
        column.broken += 1
        return
    # Whoever wrote in between has sealed with today's key.
    same = model._default_manager.filter(pk=key, **{field.attname: secret})
    try:
        with transaction.atomic():
            column.resealed += same.update(**changes)
    except IntegrityError:
        column.doubled += 1
