"""The text of a file: unpacked, and known to be UTF-8."""

import gzip
import zlib
from pathlib import Path

from pintower.data.signature import HEAD, named_by_content
from pintower.errors import DatasetError

__all__ = ["read_text"]


def read_text(path: Path) -> str:
    """Return a file's text, gzipped or not, without a mark at its start.

    Raises:
        DatasetError: if it is cut off, not UTF-8 or no text, naming the line.
    """
    data = _decompressed(path)
    if found := named_by_content(data[:HEAD]):
        raise DatasetError(f"{path} holds {found}; text in UTF-8 is expected.")
    if (place := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, place) + 1
        raise DatasetError(f"{path}, line {line}: a NUL byte; the file is damaged or no text.")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DatasetError(
            f"{path}, line {line}: not UTF-8 (byte 0x{data[error.start]:02x}); save it as UTF-8."
        ) from None


def _decompressed(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(
            f"{path} cannot be unpacked: {error}. It is cut off or damaged; download it again."
        ) from None
