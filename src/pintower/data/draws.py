"""Samples that follow from a hash of each name: a new or changed row moves no other one."""

import hashlib
from collections.abc import Iterable

__all__ = ["in_drawn_order"]


def in_drawn_order(names: Iterable[str], seed: int = 0) -> list[str]:
    """Return the distinct names in an order that looks random; the first ones are a sample."""
    return sorted(set(names), key=lambda name: _hash(name, seed))


def _hash(name: str, seed: int) -> bytes:
    value = f"{seed}\0{name}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(value, digest_size=16).digest()
