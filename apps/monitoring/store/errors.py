"""What the intake may be told when a batch could not be kept."""

from apps.core.errors import UnavailableError


class StoreBusyError(UnavailableError):
    """The queue before the store is full; nothing of the batch was taken."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        super().__init__("The telemetry store is busy; try again.", retry_after_s=retry_after_s)


class StoreUnavailableError(UnavailableError):
    """The store is away or too slow; the batch is not acknowledged and may be sent again."""

    def __init__(self, retry_after_s: float = 2.0) -> None:
        super().__init__("The telemetry store is unavailable.", retry_after_s=retry_after_s)


class RowError(ValueError):
    """One row cannot be kept; the message tells the sender why."""
