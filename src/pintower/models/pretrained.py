"""A pretrained encoder as its own files describe it: modules, pooling and prompts."""

import logging
from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

from pintower.config import StudentConfig
from pintower.errors import StudentError
from pintower.models.backbones import find_backbone
from pintower.models.encoders import load_encoder
from pintower.models.loading import loading
from pintower.models.missing_weights import require_weights
from pintower.models.prompts import stated_prefixes

__all__ = ["chosen_prefixes", "load_pretrained", "pretrained_folder"]

logger = logging.getLogger(__name__)

_MODULES = "[0-9]*_*/config.json"
"""Settings of modules after the transformer, as sentence-transformers names their folders."""


def pretrained_folder(name: str) -> Path:
    """Return the folder of an encoder given by folder, installed package or hub name.

    Raises:
        StudentError: if it is in none of them.
    """
    folder = Path(name).expanduser()
    return folder if (folder / "modules.json").is_file() else find_backbone(name)


def load_pretrained(folder: Path, pooling: str | None = None) -> SentenceTransformer:
    """Read an encoder's folder onto the CPU, in fp32 and evaluation mode.

    Args:
        folder: a sentence-transformers folder, whose modules are taken as they are, or a plain
            Hugging Face one, whose last layer is pooled and nothing more.
        pooling: ``mean``, ``cls`` or ``lasttoken``; None takes what a sentence-transformers folder
            states, and the mean for a plain one (the last token for a causal language model, as
            sentence-transformers does).

    Raises:
        StudentError: if it cannot be loaded, pools in another way that cannot be replaced, or has
            folders of modules without the ``modules.json`` that lists them.
    """
    if (folder / "modules.json").is_file():
        encoder = load_encoder(folder)
        if pooling is not None:
            _replace_pooling(encoder, folder, pooling)
    else:
        encoder = _pool_plain(folder, pooling)
    return encoder.float().eval()


def _pool_plain(folder: Path, pooling: str | None) -> SentenceTransformer:
    _require_no_modules(folder)
    trust = {"trust_remote_code": False}
    with loading(folder) as loaded:
        transformer = Transformer(
            str(folder), model_kwargs=dict(trust), processor_kwargs=dict(trust),
            config_kwargs=dict(trust),
        )  # fmt: skip
    if transformer.modality_config.get("text", {}).get("method_output_name") != "last_hidden_state":
        raise StudentError(
            f"{folder} is no text encoder: {type(transformer.auto_model).__name__} does not turn "
            "text into one vector a token."
        )
    require_weights(loaded, folder)
    # A chat model's folder would be read as one that embeds conversations.
    transformer.modality_config = {"text": transformer.modality_config["text"]}
    stated = getattr(transformer.config, "architectures", None) or [""]
    own = "lasttoken" if stated[0].endswith("ForCausalLM") else "mean"
    if pooling is None:
        logger.warning(
            "%s has no modules.json: %s pooling is assumed, --pooling (student.pooling) sets "
            "another",
            folder, "last-token" if own == "lasttoken" else own,
        )  # fmt: skip
    pool = Pooling(transformer.get_embedding_dimension(), pooling_mode=pooling or own)
    return SentenceTransformer(modules=[transformer, pool], device="cpu")


def _require_no_modules(folder: Path) -> None:
    unlisted = sorted(path.parent.name for path in folder.glob(_MODULES))
    if unlisted:
        raise StudentError(
            f"{folder} has {', '.join(unlisted)} but no modules.json, which says what these "
            "folders are: the encoder was copied in part. Copy it whole, or take the transformer's "
            "files alone to a folder of their own and state the pooling (--pooling)."
        )


def _replace_pooling(encoder: SentenceTransformer, folder: Path, pooling: str) -> None:
    modules = [module for module in encoder if isinstance(module, Pooling)]
    if len(modules) != 1 or not isinstance(modules[0].pooling_mode, str):
        stated = [module.pooling_mode for module in modules]
        raise StudentError(
            f"{folder} states the pooling {stated}, which {pooling!r} cannot take the place of: "
            "its later layers would not fit. Leave the pooling to the encoder's own files."
        )
    modules[0].pooling_mode = pooling


def chosen_prefixes(config: StudentConfig) -> tuple[str, str]:
    """Return what is put before a query and before a pin text: the config's, else the files'.

    Raises:
        StudentError: if an encoder cannot be found, or states prompts that are no texts.
    """
    given = {"query": config.query_prefix, "pin": config.pin_prefix}
    names = {"query": config.query_encoder, "pin": config.pin_encoder}
    asked: dict[str, list[str]] = {}
    for side, name in names.items():
        if given[side] is None:
            asked.setdefault(name, []).append(side)
    for name, sides in asked.items():
        query, pin = stated_prefixes(pretrained_folder(name), sides)
        stated = {"query": query, "pin": pin}
        given |= {side: stated[side] for side in sides}
    return given["query"] or "", given["pin"] or ""
