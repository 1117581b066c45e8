"""The tiny release of the repository's tests, for the bench's."""

from tests.repository.conftest import built, stage_folders

__all__ = ["built", "stage_folders"]
