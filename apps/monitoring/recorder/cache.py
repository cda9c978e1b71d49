"""Django's caches: hits, misses and durations of each backend's public methods.

A backend made by `django.core.cache.caches` becomes an instance of a recording subclass of its own
class, so no attribute is left on it and code that asks for its type still finds it.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache, wraps
from time import perf_counter_ns
from typing import Any, Final

from django.core.cache import CacheHandler, caches
from django.core.cache.backends.base import BaseCache

from apps.monitoring.recorder.buffer import recorder
from apps.monitoring.recorder.context import SUPPRESSED, current
from apps.monitoring.recorder.events import CACHE

# Backends build public methods on one another: only the outermost call is the caller's.
_inside: ContextVar[bool] = ContextVar("pharos_cache_inside", default=False)
_MISSING: Final = object()

# How many keys were found and not found; None where that is no question.
Reading = Callable[[Any, tuple[Any, ...]], tuple[int, int] | None]


def _no_question(result: Any, args: tuple[Any, ...]) -> None:  # noqa: ARG001
    return None


def _by_presence(result: Any, args: tuple[Any, ...]) -> tuple[int, int]:  # noqa: ARG001
    return (0, 1) if result is _MISSING else (1, 0)


def _by_truth(result: Any, args: tuple[Any, ...]) -> tuple[int, int]:  # noqa: ARG001
    return (1, 0) if result else (0, 1)


def _by_length(result: Any, args: tuple[Any, ...]) -> tuple[int, int]:
    found = len(result or ())
    return found, max(len(args[0]) - found, 0)


_METHODS: Final[dict[str, Reading]] = {
    "get": _by_presence,
    "get_many": _by_length,
    "has_key": _by_truth,
    "touch": _by_truth,
    **dict.fromkeys(
        ("add", "set", "delete", "incr", "decr", "set_many", "delete_many", "clear"), _no_question
    ),
}


def _note(
    alias: str, name: str, began: int, counts: tuple[int, int] | None, error: str | None
) -> None:
    hits, misses = counts or (None, None)
    event = (CACHE, began, perf_counter_ns(), alias, name, hits, misses, error)
    recorder.add_inside(current.get(), event)


def _arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The call with its default replaced by a mark, and its keys as a list; the default."""
    default = None
    if name == "get":
        if len(args) > 1:
            default, args = args[1], (args[0], _MISSING, *args[2:])
        else:
            default = kwargs.get("default")
            kwargs = {**kwargs, "default": _MISSING}
    elif name == "get_many":
        keys = list(args[0] if args else kwargs.pop("keys"))
        args = (keys, *args[1:])
    return args, kwargs, default


def _failure(error: BaseException) -> tuple[tuple[int, int] | None, str | None]:
    # `incr` says by ValueError that the key is not there.
    if isinstance(error, ValueError):
        return (0, 1), None
    return None, type(error).__qualname__


def _sync(alias: str, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    read = _METHODS[name]

    @wraps(original)
    def recorded(self: BaseCache, *args: Any, **kwargs: Any) -> Any:
        if _inside.get() or current.get() is SUPPRESSED:
            return original(self, *args, **kwargs)
        args, kwargs, default = _arguments(name, args, kwargs)
        counts, failed = None, None
        token = _inside.set(True)
        began = perf_counter_ns()
        try:
            result = original(self, *args, **kwargs)
            counts = read(result, args)
        except BaseException as error:
            counts, failed = _failure(error)
            raise
        finally:
            _inside.reset(token)
            _note(alias, name, began, counts, failed)
        return default if result is _MISSING else result

    return recorded


def _async(alias: str, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    read = _METHODS[name]

    @wraps(original)
    async def recorded(self: BaseCache, *args: Any, **kwargs: Any) -> Any:
        if _inside.get() or current.get() is SUPPRESSED:
            return await original(self, *args, **kwargs)
        args, kwargs, default = _arguments(name, args, kwargs)
        counts, failed = None, None
        token = _inside.set(True)
        began = perf_counter_ns()
        try:
            result = await original(self, *args, **kwargs)
            counts = read(result, args)
        except BaseException as error:
            counts, failed = _failure(error)
            raise
        finally:
            _inside.reset(token)
            _note(alias, name, began, counts, failed)
        return default if result is _MISSING else result

    return recorded


@lru_cache(maxsize=64)
def recording(backend: type[BaseCache], alias: str) -> type[BaseCache]:
    """The recording subclass of a backend, one for each alias."""
    methods: dict[str, Any] = {}
    for name in _METHODS:
        methods[name] = _sync(alias, name, getattr(backend, name))
        methods[f"a{name}"] = _async(alias, name, getattr(backend, f"a{name}"))
    methods["__module__"], methods["__doc__"] = backend.__module__, backend.__doc__
    return type(backend.__name__, (_Recording, backend), methods)


class _Recording:
    """Marks a class that records already."""


def attach(cache: BaseCache, alias: str) -> BaseCache:
    """Record this backend from now on, once."""
    if not isinstance(cache, _Recording):
        cache.__class__ = recording(type(cache), alias)  # type: ignore[arg-type]
    return cache


def install(handler: CacheHandler = caches) -> None:
    """Record every backend `handler` makes from now on, and those it has made in this thread."""
    create = handler.create_connection
    if getattr(create, "__module__", "") == __name__:
        return

    def create_connection(alias: str) -> BaseCache:
        return attach(create(alias), alias)

    handler.create_connection = create_connection  # type: ignore[method-assign]
    for alias in handler:
        if hasattr(vars(handler)["_connections"], alias):
            attach(handler[alias], alias)
