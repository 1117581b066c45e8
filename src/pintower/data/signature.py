"""What a file is by its first bytes, for the message that it is not what its name says."""

__all__ = ["HEAD", "PARQUET", "named_by_content"]

HEAD = 64
"""Bytes that tell it."""

PARQUET = "a parquet file"

_WIDE = "text in UTF-16 or UTF-32"

_SIGNATURES = {
    b"version https://git-lfs": "a Git LFS pointer, whose file was not downloaded (git lfs pull)",
    b"PAR1": PARQUET,
    b"ARROW1": "an Arrow file",
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip file or a spreadsheet",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"\x28\xb5\x2f\xfd": "a zstandard file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"SQLite format 3": "an SQLite database",
    b"\xff\xfe": _WIDE,
    b"\xfe\xff": _WIDE,
    b"<!doctype html": "a web page",
    b"<html": "a web page",
}


def named_by_content(head: bytes) -> str | None:
    """Return what a file is whose first bytes are these; None for one not known here.

    Text without a mark of its own is known as UTF-16 by the NUL bytes of its first characters.
    """
    start = head.lstrip().lower()
    for signature, words in _SIGNATURES.items():
        if head.startswith(signature) or (signature[:1] == b"<" and start.startswith(signature)):
            return words
    if b"\0" in head[:2] and len(head) > 1 and head[:2] != b"\0\0":
        return _WIDE
    return None
