"""Bounds of what one request, item and series may hold. Beyond them: cut and said, or refused."""

from typing import Final

ATTRIBUTES: Final = 128
KEY_BYTES: Final = 256
VALUE_BYTES: Final = 4 * 1024
# A Django stack is often 5 to 20 KiB, and cut it is worthless.
STACKTRACE_BYTES: Final = 32 * 1024
BODY_BYTES: Final = 256 * 1024
NAME_BYTES: Final = 1024
METRIC_NAME_BYTES: Final = 255
EVENTS: Final = 128
LINKS: Final = 128
EXEMPLARS: Final = 16
QUANTILES: Final = 16
BUCKETS: Final = 4096

SERIES_PER_METRIC: Final = 2_000
UNREMEMBERED_A_REQUEST: Final = 20_000
METRICS_PER_RESOURCE: Final = 5_000
SERIES_REMEMBERED: Final = 100_000
KEY_VALUES_REMEMBERED: Final = 20_000
REMEMBERED_BYTES: Final = 4 * 1024
SERIES_FORGOTTEN_AFTER_S: Final = 3_600.0

GZIP_MEMBERS: Final = 1_024
JSON_DEPTH: Final = 90

FREED_AT_ONCE: Final = 2_000

READ_TIMEOUT_S: Final = 60.0
COMMIT_TIMEOUT_S: Final = 5.0
BUSY_RETRY_AFTER_S: Final = 2
MESSAGE_CHARS: Final = 2_000

INT64_MAX: Final = 2**63 - 1
