"""Traces across threads: what a pool runs belongs to who handed it over."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from apps.core import request_id
from apps.monitoring.recorder.context import current

P = ParamSpec("P")
T = TypeVar("T")
_MARK: Final = "pharos_carries"


def carried(function: Callable[P, T]) -> Callable[P, T]:
    """The function, to be run elsewhere in the span and under the request id of here and now.

    Only these two go along: what else a context holds (language, connections) stays behind.
    """
    span, bound = current.get(), request_id.current()
    if span is None and bound is None:
        return function

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        span_token, id_token = current.set(span), request_id.bind(bound)
        try:
            return function(*args, **kwargs)
        finally:
            current.reset(span_token)
            request_id.release(id_token)

    return run


def install() -> None:
    """Carry the span into every `ThreadPoolExecutor`, once. An event loop's default pool is one.

    Threads started by hand are left alone: many outlive the request that started them. They may be
    given `carried(function)`.
    """
    submit: Callable[..., Any] = ThreadPoolExecutor.submit
    if hasattr(submit, _MARK):
        return

    @wraps(submit)
    def carrying(
        self: ThreadPoolExecutor, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        return submit(self, carried(fn), *args, **kwargs)

    setattr(carrying, _MARK, True)
    setattr(ThreadPoolExecutor, "submit", carrying)  # noqa: B010 (mypy refuses the assignment)
