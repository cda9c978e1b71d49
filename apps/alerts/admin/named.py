"""Filters of the admin's lists under the names that the API and the pages have for them."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.core.api import filters


def named(declared: type[filters.Filters], name: str) -> type[admin.SimpleListFilter]:
    """The filter of this name. Without choices it is shown once an address has it."""
    field: Any = declared().fields[name]
    # Django's own name for it: addresses with it go on working.
    before = f"{name}__exact"

    class Named(admin.SimpleListFilter):
        title = field.label
        parameter_name = name

        def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
            old = params.pop(before, None)
            if old:
                params.setdefault(name, old)
            super().__init__(request, params, model, model_admin)

        def lookups(self, *_args: Any) -> Any:
            """What can be chosen; the default is Django's "All"."""
            shown = [(key, words) for key, words in field.shown if key != field.default]
            given = self.value()
            return shown if not given or given in dict(shown) else [*shown, (given, given)]

        def choices(self, changelist: Any) -> Iterator[Any]:
            """Without Django's name beside ours, which would stay in force."""
            for key, words in [(None, _("All")), *self.lookup_choices]:
                yield {
                    "selected": self.value() == (None if key is None else str(key)),
                    "query_string": changelist.get_query_string({name: key}, [before]),
                    "display": words,
                }

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            """Those that pass; a wrong value is told and left out."""
            given = request.GET.copy()
            given.setlistdefault(name, given.getlist(before))
            asked = filters.read(given, declared, name)
            if asked.mistakes:
                messages.error(request, f"{field.label}: {asked.mistakes[name]}")
            wanted = {name: asked.values[name]} if name in asked.given else {}
            return queryset.filter(declared.condition(wanted))

    return Named
