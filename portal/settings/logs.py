"""Structured logs: one JSON object a line, with request and trace ids and without secrets.

The same for our own loggers and foreign ones; on the console and, from INFO on, in the store.
"""

import os
from typing import Any

import structlog

from apps.monitoring.recorder.logs import add_context, add_exception, mask_event

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    add_context,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Under the supervisor standard error is a pipe; people at a terminal want their lines at once.
_SUPERVISED = os.environ.get("PHAROS_ROLE", "cli") != "cli"

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                add_exception,
                mask_event,
                structlog.processors.JSONRenderer(default=str),
            ],
        },
    },
    "handlers": {
        "console": {
            "class": "apps.monitoring.recorder.console.ConsoleHandler"
            if _SUPERVISED
            else "logging.StreamHandler",
            "formatter": "structured",
        },
        "store": {"class": "apps.monitoring.recorder.logs.StoreHandler", "level": "INFO"},
    },
    "root": {"handlers": ["console", "store"], "level": "INFO"},
    "loggers": {
        # "Received" and "succeeded" for every tick of beat: the task's span and figures say so.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        # A line for each request of a task or probe.
        "httpx": {"level": "WARNING"},
        # Anyone can send a foreign Host header; it is answered 400 and counted.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}


def to_files(folder: str, most_bytes: int, keep: int) -> None:
    """Write every line to `<role>.log` in `folder` too; always JSON, whatever people look at."""
    role = os.environ.get("PHAROS_ROLE", "cli")
    LOGGING["handlers"]["file"] = {
        "class": "apps.monitoring.recorder.logfile.FileHandler",
        "formatter": "file",
        "path": os.path.join(folder, f"{role}.log"),  # noqa: PTH118 (a text that may be relative)
        "most_bytes": most_bytes,
        "keep": keep,
    }
    LOGGING["formatters"]["file"] = {
        **LOGGING["formatters"]["structured"],
        "processors": [
            *LOGGING["formatters"]["structured"]["processors"][:-1],
            structlog.processors.JSONRenderer(default=str),
        ],
    }
    LOGGING["root"]["handlers"] = [*LOGGING["root"]["handlers"], "file"]


def configure(log_format: str) -> None:
    """Set structlog up; `log_format` is "json" or "console" (colour, for people)."""
    if log_format == "console":
        LOGGING["formatters"]["structured"]["processors"] = [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            add_exception,
            mask_event,
            structlog.dev.ConsoleRenderer(),
        ]
    if os.environ.get("PHAROS_RECORDER", "").lower() in {"0", "false", "no", "off"}:
        LOGGING["root"]["handlers"] = ["console"]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
