"""Figures of the closed loop."""

from typing import Final

# A proposal waits this long for its approvals, and an approval is good for as long.
VALID_S: Final = 86_400
COOL_DOWN_S: Final = 300.0

PLAN_BYTES: Final = 256 * 1024
EVIDENCE_BYTES: Final = 256 * 1024
STEPS: Final = 100
EVIDENCE_ITEMS: Final = 50
JSON_DEPTH: Final = 32
OPEN_PER_TARGET: Final = 10
REASON_LENGTH: Final = 2000

LEASE_S: Final = 60.0
# Three beats fit into one lease: two may be lost.
HEARTBEAT_S: Final = 20.0
# A change that fails its worker this often is rolled back; such a rollback goes to a person.
ATTEMPTS: Final = 3
RUN_BUDGET_S: Final = 25.0
RUN_LIMIT: Final = 50
# How soon to look again at a target that is busy, cooling down or cannot be asked.
RETRY_S: Final = 10.0
# How often a guard is asked while a change is being measured.
WATCH_S: Final = 10.0
