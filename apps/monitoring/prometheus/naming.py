"""What a Prometheus name tells: nothing is renamed, so people find what they know.

Decision 0017 states the rule. Where a type is not told, the suffix decides, because the type is
part of a series' identity and must not depend on which message came first.
"""

import re
from functools import lru_cache
from typing import Final

from apps.monitoring.store.rows import Kind, Metric, Temporality

NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ENDINGS: Final = ("_total", "_bucket", "_count", "_sum", "_created")
# The base units of Prometheus (prometheus.io/docs/practices/naming) in UCUM.
_UNITS: Final = {
    "seconds": "s", "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns",
    "bytes": "By", "ratio": "1", "percent": "%", "celsius": "Cel", "meters": "m",
    "metres": "m", "volts": "V", "amperes": "A", "joules": "J", "grams": "g", "watts": "W",
    "hertz": "Hz",
}  # fmt: skip


@lru_cache(maxsize=8192)
def unit_of(name: str) -> str:
    """UCUM's unit by the name's suffix; "1" for bare numbers."""
    if name.endswith(("_count", "_bucket")):
        return "1"
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return _UNITS.get(name.rpartition("_")[2], "1")


def grows(name: str) -> bool:
    """Whether an untyped name is that of a counter."""
    return name.endswith(("_total", "_bucket", "_count", "_sum"))


@lru_cache(maxsize=8192)
def gauge(name: str, description: str = "") -> Metric:
    """A value that goes up and down."""
    return Metric(name, unit_of(name), Kind.GAUGE, description=description)


@lru_cache(maxsize=8192)
def counter(name: str, description: str = "") -> Metric:
    """A count since some start."""
    return Metric(
        name, unit_of(name), Kind.SUM, Temporality.CUMULATIVE, monotonic=True,
        description=description,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def histogram(name: str, description: str = "") -> Metric:
    """A distribution since some start."""
    return Metric(
        name, unit_of(name), Kind.HISTOGRAM, Temporality.CUMULATIVE, description=description
    )


def untyped(name: str) -> Metric:
    """A counter or a gauge, by the name alone."""
    return counter(name) if grows(name) else gauge(name)
