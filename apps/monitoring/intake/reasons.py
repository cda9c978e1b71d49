"""Why an item was refused, as one of few words for labels; the sender gets the whole sentence."""

from functools import lru_cache
from typing import Final

# The first that is part of the sentence decides.
_NAMES: Final = (
    ("time", "bad_time"),
    ("series over the limit", "cardinality"),
    ("metrics of one resource", "metric_names"),
    ("trace id", "bad_id"),
    ("span id", "bad_id"),
    ("metric name", "bad_name"),
    ("temporality", "no_temporality"),
    ("value is absent", "no_value"),
    ("ends before", "bad_time"),
    ("bucket", "bad_histogram"),
    ("bounds", "bad_histogram"),
    ("scale", "bad_histogram"),
    ("offset", "bad_histogram"),
    ("count", "bad_histogram"),
    ("number", "bad_number"),
    ("store refused", "store"),
)


@lru_cache(maxsize=512)
def reason_name(sentence: str) -> str:
    """The word for a reason of refusal; "other" for one nobody named."""
    lower = sentence.lower()
    return next((name for part, name in _NAMES if part in lower), "other")
