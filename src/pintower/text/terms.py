"""Terms: the words that BM25 and the match features count."""

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b

__all__ = ["term_id", "terms"]

_WORD = re.compile(r"\w+")


def terms(text: str) -> list[str]:
    """Return a text's terms in order: NFKC, case-folded runs of letters, digits, underscores."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=1 << 18)
def term_id(term: str) -> int:
    """Return a term's stable 32-bit id (the first four bytes of its BLAKE2b).

    Ids need no vocabulary, so a term first seen after training still matches itself. Two of a
    million distinct terms share an id with about 100 others in all.
    """
    return int.from_bytes(blake2b(term.encode("utf-8", "replace"), digest_size=4).digest(), "big")
