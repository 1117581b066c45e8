"""A BERT of two layers as a plain Hugging Face folder."""

from pathlib import Path

import pytest

from tests.models.adoption.tiny_encoders import write_backbone


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("bert"))
