"""Files on their way to a client."""

from collections.abc import Iterator
from typing import IO, Final

# Each block of a response is one hop between threads; Django's 4 KiB would make a thousand of them.
BLOCK_BYTES: Final = 256 * 1024


class FileBlocks:
    """The `wsgi.file_wrapper`: a file in large blocks."""

    def __init__(self, file: IO[bytes], block_bytes: int = BLOCK_BYTES) -> None:  # noqa: ARG002
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        while block := self._file.read(BLOCK_BYTES):
            yield block

    def close(self) -> None:
        """Close the file and, by Django's doing, its response."""
        self._file.close()
