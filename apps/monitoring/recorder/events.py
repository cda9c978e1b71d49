"""What the hot path puts into the buffer: plain tuples, told apart by their first item.

Times are `perf_counter_ns`. The same tuples stand in `ActiveSpan.children`, where they become child
spans as well.

REQUEST  span, ended, method, route, static, status, request id, path
TASK     span, ended, name, queue, state, wait seconds, request id, task id
SPAN     span, ended, name, kind, attrs
SQL      began, ended, sql, vendor, error
CACHE    began, ended, alias, operation, hits, misses, error
COUNT, GAUGE, OBSERVE   name, value, unit, attrs
LOG      time_ns (Unix), level number, body, attrs, request id, span or None
"""

from typing import Final

REQUEST: Final = 0
TASK: Final = 1
SPAN: Final = 2
SQL: Final = 3
CACHE: Final = 4
COUNT: Final = 5
GAUGE: Final = 6
OBSERVE: Final = 7
LOG: Final = 8

# Child spans of one request or task; further ones are counted and measured, not listed.
MOST_CHILDREN: Final = 64
