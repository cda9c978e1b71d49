"""What committers count, added up over the processes of a web."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class CommitStats:
    """Totals since the process started, and the state at this moment."""

    rows: int = 0
    rejected: int = 0
    duplicates: int = 0
    commits: int = 0
    failures: int = 0
    refused_busy: int = 0
    queue_rows: int = 0
    queue_bytes: int = 0
    last_commit_s: float | None = None

    def __add__(self, other: "CommitStats") -> "CommitStats":
        """Both together; the slower of the last commits."""
        slower = max(filter(None, (self.last_commit_s, other.last_commit_s)), default=None)
        return CommitStats(
            self.rows + other.rows, self.rejected + other.rejected,
            self.duplicates + other.duplicates, self.commits + other.commits,
            self.failures + other.failures, self.refused_busy + other.refused_busy,
            self.queue_rows + other.queue_rows, self.queue_bytes + other.queue_bytes, slower,
        )  # fmt: skip

    def fill(self, most_rows: int, most_bytes: int) -> float:
        """How full the queue is, 0 to 1."""
        return max(self.queue_rows / most_rows, self.queue_bytes / most_bytes)

    def at_rest(self) -> "CommitStats":
        """The totals of a committer that is gone."""
        return replace(self, queue_rows=0, queue_bytes=0, last_commit_s=None)
