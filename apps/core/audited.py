"""Tables whose every change through the ORM leaves an audit entry, whoever makes it.

An app names its tables with `watch` in `ready()`. Signals see the admin, the API, commands and the
shell alike. `QuerySet.update`, `bulk_create` and raw SQL send none: services that use them record
for themselves.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from apps.core import caller
from apps.core.masking import MASK
from apps.core.services import audit

_BEFORE: Final = "_pharos_audit_before"
_MEMBERS: Final = "_pharos_audit_members"
_MOST_MEMBERS: Final = 500


@dataclass(frozen=True)
class Watched:
    """How a table appears in the audit trail."""

    noun: str
    secret: frozenset[str]
    ignore: frozenset[str]
    target: Callable[[Any], str]


_watched: dict[type[Model], Watched] = {}


def watch(
    model: type[Model],
    noun: str,
    *,
    secret: Collection[str] = (),
    ignore: Collection[str] = (),
    target: Callable[[Any], str] = str,
) -> None:
    """Audit `model` as `<noun>.create`, `.update`, `.delete`, and `.load` from fixtures.

    `secret` fields are never shown, `ignore` fields are no decision of anybody (a last login).
    """
    _watched[model] = Watched(noun, frozenset(secret), frozenset(ignore), target)
    for signal, receiver in (
        (pre_save, _before_save),
        (post_save, _after_save),
        (post_delete, _after_delete),
    ):
        signal.connect(receiver, sender=model, dispatch_uid=f"audit.{noun}")
    for field in model._meta.many_to_many:
        # By value: the receiver must know the field, and the signal names only its table.
        m2m_changed.connect(
            _membership(field.name), sender=field.remote_field.through, weak=False,
            dispatch_uid=f"audit.{noun}.{field.name}",
        )  # fmt: skip


def watched() -> Collection[type[Model]]:
    """Every table under audit by signals."""
    return _watched.keys()


def _before_save(sender: type[Model], instance: Model, raw: bool = False, **_: Any) -> None:  # noqa: FBT001, FBT002 (a signal's signature)
    if raw or instance._state.adding:
        return
    stored = sender._default_manager.filter(pk=instance.pk).first()
    setattr(instance, _BEFORE, _values(stored) if stored is not None else None)


def _after_save(
    sender: type[Model],
    instance: Model,
    created: bool,  # noqa: FBT001
    raw: bool = False,  # noqa: FBT001, FBT002
    **_: Any,
) -> None:
    how = _watched[sender]
    if raw:
        # A fixture overwrites without a look at what was there, and so do we.
        _note(how, "load", instance, None, _hide(how, _values(instance)))
        return
    before = instance.__dict__.pop(_BEFORE, None)
    if created:
        _note(how, "create", instance, None, _hide(how, _values(instance)))
        return
    # What `update_fields` left out is not in the database.
    stored = sender._default_manager.filter(pk=instance.pk).first()
    after = _values(stored) if stored is not None else {}
    changed = [name for name in after if before is not None and before.get(name) != after[name]]
    changed = [name for name in changed if name not in how.ignore]
    if changed:
        # A secret's new value is as secret as its old one; that it is named here says it changed.
        old = _hide(how, {name: (before or {}).get(name) for name in changed})
        _note(how, "update", instance, old, _hide(how, {name: after[name] for name in changed}))


def _after_delete(sender: type[Model], instance: Model, **_: Any) -> None:
    how = _watched[sender]
    _note(how, "delete", instance, _hide(how, _values(instance)), None)


def _membership(name: str) -> Callable[..., None]:
    def changed(
        sender: type[Model],
        instance: Any,
        action: str,
        reverse: bool,  # noqa: FBT001
        **_: Any,
    ) -> None:
        when, _sep, _verb = action.partition("_")
        members = _members(sender, instance, name, reverse=reverse)
        if when == "pre":
            setattr(instance, _MEMBERS, members)
            return
        before = instance.__dict__.pop(_MEMBERS, None)
        if before != members:
            # From the other side the row that changed is, say, a group, by its new users.
            noun = instance._meta.model_name if reverse else _watched[type(instance)].noun
            key = sender._meta.model_name or name if reverse else name
            audit.record(
                caller.actor(), f"{noun}.update", str(instance), {key: before}, {key: members}
            )

    return changed


def _members(through: type[Model], instance: Any, name: str, *, reverse: bool) -> list[str]:
    """The names at the other end, as many as anyone would read."""
    if not reverse:
        found = getattr(instance, name).all()
    else:
        field = next(
            field
            for field in instance._meta.related_objects
            if getattr(field, "through", None) is through
        )
        found = getattr(instance, field.get_accessor_name()).all()
    return sorted(str(row) for row in found[:_MOST_MEMBERS])


def _values(instance: Model) -> dict[str, Any]:
    fields = instance._meta.concrete_fields
    return {field.attname: field.value_from_object(instance) for field in fields}


def _hide(how: Watched, values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: MASK if name in how.secret and value else value
        for name, value in values.items()
        if name not in how.ignore
    }


def _note(
    how: Watched, verb: str, instance: Model, before: audit.State, after: audit.State
) -> None:
    audit.record(caller.actor(), f"{how.noun}.{verb}", how.target(instance), before, after)
