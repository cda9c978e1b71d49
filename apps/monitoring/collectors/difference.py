"""What a growing number gained since this process read it last."""

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Difference:
    """Remembers one reading. The first has no answer, nor has one after the number fell."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _value: float | None = None
    _of: float = 0.0

    def per_s(self, value: float, at_s: float | None = None) -> float | None:
        """Gain for each second since the last read."""
        return self.share(value, time.monotonic() if at_s is None else at_s)

    def share(self, value: float, of: float) -> float | None:
        """Gain of `value` for each unit that `of` gained; None where that is unknown."""
        with self._lock:
            before, self._value = self._value, value
            of_before, self._of = self._of, of
        if before is None or value < before or of <= of_before:
            return None
        return (value - before) / (of - of_before)
