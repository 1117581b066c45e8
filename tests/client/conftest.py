"""The tiny server of the serving tests, for the client's."""

from tests.serving.conftest import environment, repository, server

__all__ = ["environment", "repository", "server"]
