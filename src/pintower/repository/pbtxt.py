"""Protobuf text: how ``config.pbtxt`` is written and read."""

import io
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from pintower.errors import RepositoryError

__all__ = ["CONFIG_FILE", "format_config", "parse_config", "read_config"]

CONFIG_FILE = "config.pbtxt"

_FIRST = ("name", "platform", "backend")
_BATCH = "max_batch_size"


def format_config(config: ModelConfig) -> str:
    """Return a configuration as protobuf text, ``max_batch_size`` always written.

    The text form leaves fields at their default out. Triton reads a missing ``max_batch_size`` as
    an invitation to choose one, so this field is printed whatever its value.
    """
    head, rest = ModelConfig(), ModelConfig()
    rest.CopyFrom(config)
    for name in (*_FIRST, _BATCH):
        if name in _FIRST:
            setattr(head, name, getattr(config, name))
        rest.ClearField(name)
    batch = io.StringIO()
    text_format.PrintField(
        ModelConfig.DESCRIPTOR.fields_by_name[_BATCH], config.max_batch_size, batch
    )
    parts = (text_format.MessageToString(head), batch.getvalue(), text_format.MessageToString(rest))
    return "".join(parts)


def parse_config(text: str, origin: Path) -> ModelConfig:
    """Parse protobuf text.

    Args:
        text: of a ``config.pbtxt``.
        origin: named in the error.

    Raises:
        RepositoryError: if it is not a model configuration.
    """
    try:
        return text_format.Parse(text, ModelConfig())
    except text_format.ParseError as error:
        raise RepositoryError(f"{origin} is not a model configuration: {error}") from None


def read_config(path: Path) -> ModelConfig:
    """Read a ``config.pbtxt``.

    Raises:
        RepositoryError: if it is missing or is not a model configuration.
    """
    try:
        return parse_config(path.read_text("utf-8"), path)
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise RepositoryError(f"{path} cannot be read: {error}") from None
