"""Loading and saving weights: no bars of transformers' own, and its failures in words.

transformers fills a weight that a folder lacks with random numbers and logs it. Here each model
that is loaded inside :func:`loading` says what it lacked, for :func:`require_weights`.
"""

import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from huggingface_hub.errors import HFValidationError
from transformers import PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import logging

from pintower.errors import InputError, StudentError
from pintower.models.encoder_files import require_whole_files
from pintower.models.missing_weights import LoadedModel

__all__ = ["loading", "no_bars"]

_SHOWN = 300


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


@contextmanager
def loading(folder: Path, what: str = "cannot be loaded") -> Iterator[list[LoadedModel]]:
    """Load an encoder's folder inside the block, by whatever function of its libraries.

    Args:
        folder: whose files are looked at first.
        what: an error says of the folder.

    Yields:
        The models of transformers that were loaded, in their order.

    Raises:
        StudentError: if a file is broken, or the libraries fail on the folder.
    """
    require_whole_files(folder)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what a report of missing weights says is said as an error
    try:
        with no_bars(), _recorded() as loaded:
            yield loaded
    except InputError:
        raise
    except Exception as error:  # the libraries run a folder's settings into errors of any kind
        raise StudentError(f"{folder} {what}: {_explained(error, folder)}") from error
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def _recorded() -> Iterator[list[LoadedModel]]:
    original = PreTrainedModel.__dict__["from_pretrained"]
    loaded: list[LoadedModel] = []

    def recording(cls: type[PreTrainedModel], *arguments: Any, **named: Any) -> PreTrainedModel:
        asked = {**named, "output_loading_info": True, "ignore_mismatched_sizes": True}
        model, told = original.__func__(cls, *arguments, **asked)
        other = {str(row[0]) for row in told["mismatched_keys"]}
        lacking = frozenset({*told["missing_keys"], *other})
        loaded.append(LoadedModel(model, lacking, frozenset(told["unexpected_keys"])))
        return model

    PreTrainedModel.from_pretrained = classmethod(recording)
    try:
        yield loaded
    finally:
        PreTrainedModel.from_pretrained = original


def _explained(error: Exception, folder: Path) -> str:
    """Return an error of the libraries in one line, with what may be behind it."""
    if any(isinstance(cause, pickle.UnpicklingError) for cause in _causes(error)):
        return (
            "its weights are pickled objects, not tensors alone, and reading those can run any "
            "code. Save it again as safetensors: save_pretrained(folder) writes them."
        )
    if isinstance(error, HFValidationError):
        return "its settings name a model on the hub, not a folder."
    settings = _settings(folder / "config.json")
    kind = settings.get("model_type")
    if "auto_map" in settings and kind not in CONFIG_MAPPING:
        return (
            f"its model type {kind!r} is code of the folder's own (auto_map in config.json), which "
            "is not run. Not supported."
        )
    said = " ".join(str(error).split()) or type(error).__name__
    shown = said if len(said) <= _SHOWN else f"{said[:_SHOWN]} ..."
    return shown + _newer(folder, settings)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _newer(folder: Path, settings: dict[str, Any]) -> str:
    """Return a hint where a folder was written by a newer library than is installed."""
    own = _settings(folder / "config_sentence_transformers.json").get("__version__") or {}
    written = {
        "sentence-transformers": own.get("sentence_transformers"),
        "transformers": settings.get("transformers_version") or own.get("transformers"),
    }
    newer = [
        f"{name} {wrote} (here is {version(name)})"
        for name, wrote in written.items()
        if isinstance(wrote, str) and _numbers(wrote) > _numbers(version(name))
    ]
    if not newer:
        return ""
    packages = " ".join(written)
    return f" It was written by {' and '.join(newer)}: pip install --upgrade {packages}"


def _settings(path: Path) -> dict[str, Any]:
    read = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return read if isinstance(read, dict) else {}


def _numbers(wrote: str) -> tuple[int, ...]:
    parts = wrote.split(".")[:3]
    return tuple(int(part) for part in parts if part.isascii() and part.isdigit())
