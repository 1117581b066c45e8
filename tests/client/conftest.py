"""The serving tests' tiny server and the repository tests' tiny release, for the client's."""

from tests.repository.conftest import built, stage_folders
from tests.serving.conftest import environment, repository, server

__all__ = ["built", "environment", "repository", "server", "stage_folders"]
