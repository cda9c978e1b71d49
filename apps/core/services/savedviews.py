"""Save, change and delete the views people keep of pages. Each belongs to who saved it."""

import re
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from apps.core.errors import ConflictError, InvalidInputError, NotFoundError
from apps.core.models import SavedView

MOST_VIEWS: Final = 100
_LONGEST_QUERY: Final = 2048
_MOST_FIELDS: Final = 50
_PAGE: Final = re.compile(r"/admin/(?:[A-Za-z0-9_-]+/)*")
_ELSEWHERE: Final = re.compile(r"[a-z][a-z0-9+.-]*:|[/\\]", re.IGNORECASE)


def visible(person: User, page: str | None = None) -> QuerySet[SavedView]:
    """The person's own views of a page (None: of all) and those others share.

    Raises InvalidInputError.
    """
    found = SavedView.objects.filter(Q(owner=person) | Q(shared=True)).select_related("owner")
    return found if page is None else found.filter(page=_page(page))


def default_query(person: User, page: str) -> str | None:
    """The query string of the person's default view of a page; None when there is none."""
    found = SavedView.objects.filter(owner=person, page=page, pinned=True)
    return found.values_list("query", flat=True).first()


def create(person: User, page: str, name: str, query: str, **flags: bool) -> SavedView:
    """A new view. Raises InvalidInputError; ConflictError when the name is taken or the cap met."""
    view = SavedView(owner=person, page=_page(page), name=_name(name), query=_query(query), **flags)
    with transaction.atomic():
        _alone(person)
        if SavedView.objects.filter(owner=person).count() >= MOST_VIEWS:
            raise ConflictError(f"You keep {MOST_VIEWS} views already: delete one first.")
        _store(view)
    return view


def change(person: User, view_id: int, **fields: Any) -> SavedView:
    """Change name, query, shared or pinned of one's own view.

    Raises NotFoundError, also for the view of somebody else; InvalidInputError; ConflictError.
    """
    with transaction.atomic():
        _alone(person)
        view = _own(person, view_id)
        for key, value in fields.items():
            setattr(view, key, {"name": _name, "query": _query}.get(key, bool)(value))
        _store(view)
    return view


def delete(person: User, view_id: int) -> None:
    """Delete one's own view. Raises NotFoundError."""
    with transaction.atomic():
        view = _own(person, view_id)
        view.delete()


def _alone(person: User) -> None:
    """Wait for the person's other savers: the cap and the one default hold between them."""
    User.objects.select_for_update(no_key=True).get(pk=person.pk)


def _own(person: User, view_id: int) -> SavedView:
    view = SavedView.objects.select_for_update().filter(owner=person, pk=view_id).first()
    if view is None:
        raise NotFoundError("You keep no such view.")
    return view


def _store(view: SavedView) -> None:
    if view.pinned:
        others = SavedView.objects.filter(owner=view.owner, page=view.page, pinned=True)
        # One at most; saved, so that the audit trail hears of it.
        for other in others.exclude(pk=view.pk):
            other.pinned = False
            other.save()
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        raise ConflictError(
            f"You keep a view called {view.name!r} of this page already: choose another name.",
            {"parameter": "name"},
        ) from None


def _page(text: str) -> str:
    if len(text) > 200 or not _PAGE.fullmatch(text):
        raise InvalidInputError("`path` is the path of a page, as /admin/.", {"parameter": "path"})
    return text


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= 80 or not name.isprintable():
        raise InvalidInputError("The name of a view has 1 to 80 characters.", {"parameter": "name"})
    return name


def _query(text: str) -> str:
    """The query string in one spelling; nothing in it can lead away from the page."""
    plain = text.removeprefix("?")
    wrong = len(plain) > _LONGEST_QUERY or not plain.isprintable() or "#" in plain
    if wrong or _ELSEWHERE.match(plain):
        raise InvalidInputError(
            "`query` is the part of the page's address after the question mark, 2 kB at most.",
            {"parameter": "query"},
        )
    try:
        pairs = parse_qsl(plain, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidInputError(
            f"`query` has at most {_MOST_FIELDS} fields.", {"parameter": "query"}
        ) from None
    spelt = urlencode([(key, value) for key, value in pairs if "\0" not in key + value])
    if len(spelt) > _LONGEST_QUERY:
        raise InvalidInputError("`query` is longer than 2 kB.", {"parameter": "query"})
    return spelt
