"""Loading and saving weights without a progress bar of transformers' own for each file."""

from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging

__all__ = ["no_bars"]


@contextmanager
def no_bars() -> Iterator[None]:
    """Keep transformers' progress bars off inside the block; they go through pipes, too."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
