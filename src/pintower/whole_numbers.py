"""Whole numbers that Triton's ``onnxruntime`` backend reads from text.

It reads a count as a C ``int`` and a size as an unsigned 64-bit number. A number that is larger
ends its server (release 24.10), and digits of other scripts are none to it.
"""

__all__ = ["INT_MAX", "SIZE_MAX", "is_whole_number"]

INT_MAX = 2**31 - 1
SIZE_MAX = 2**64 - 1


def is_whole_number(text: str, most: int) -> bool:
    """Say whether a text is a whole number from 0 to ``most``, in ASCII digits and nothing else."""
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    return digits and int(text) <= most
