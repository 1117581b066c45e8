"""A pretrained encoder as its own files describe it: modules, pooling and prompts."""

import logging
from pathlib import Path

from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

from pintower.artifacts import read_json
from pintower.config import StudentConfig
from pintower.errors import StudentError
from pintower.models.backbones import find_backbone
from pintower.models.encoders import load_encoder
from pintower.models.loading import no_bars

__all__ = ["chosen_prefixes", "load_pretrained", "pretrained_folder"]

logger = logging.getLogger(__name__)

_SETTINGS = "config_sentence_transformers.json"
_PIN_PROMPTS = ("document", "passage", "corpus")
"""Names sentence-transformers looks for when it encodes a document, in its order."""


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
        StudentError: if it cannot be loaded or pools in another way that cannot be replaced.
    """
    if (folder / "modules.json").is_file():
        encoder = load_encoder(folder)
        if pooling is not None:
            _replace_pooling(encoder, folder, pooling)
    else:
        encoder = _pool_plain(folder, pooling)
    return encoder.float().eval()


def _pool_plain(folder: Path, pooling: str | None) -> SentenceTransformer:
    trust = {"trust_remote_code": False}
    try:
        with no_bars():
            transformer = Transformer(
                str(folder), model_kwargs=dict(trust), processor_kwargs=dict(trust),
                config_kwargs=dict(trust),
            )  # fmt: skip
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise StudentError(f"{folder} cannot be loaded: {error}") from error
    if transformer.modality_config.get("text", {}).get("method_output_name") != "last_hidden_state":
        raise StudentError(
            f"{folder} is no text encoder: {type(transformer.auto_model).__name__} does not turn "
            "text into one vector a token."
        )
    # A chat model's folder would be read as one that embeds conversations.
    transformer.modality_config = {"text": transformer.modality_config["text"]}
    stated = getattr(transformer.config, "architectures", None) or [""]
    own = "lasttoken" if stated[0].endswith("ForCausalLM") else "mean"
    pool = Pooling(transformer.get_embedding_dimension(), pooling_mode=pooling or own)
    return SentenceTransformer(modules=[transformer, pool], device="cpu")


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
        StudentError: if an encoder cannot be found.
    """
    names = dict.fromkeys([config.query_encoder, config.pin_encoder])
    stated = {name: _stated_prefixes(pretrained_folder(name)) for name in names}
    query, pin = stated[config.query_encoder][0], stated[config.pin_encoder][1]
    return (
        query if config.query_prefix is None else config.query_prefix,
        pin if config.pin_prefix is None else config.pin_prefix,
    )


def _stated_prefixes(folder: Path) -> tuple[str, str]:
    """Return the prompts an encoder's own files state: before a query and before a pin text.

    The prompt named ``query``, and the first of ``document``, ``passage`` and ``corpus`` that holds
    text. Where one is absent, the default prompt stands in, unless it is the other side's.
    """
    path = folder / _SETTINGS
    settings = read_json(path) if path.is_file() else {}
    prompts = {name: text for name, text in (settings.get("prompts") or {}).items() if text}
    default = settings.get("default_prompt_name")
    shared = prompts.get(default, "") if default not in ("query", *_PIN_PROMPTS) else ""
    query = prompts.get("query", shared)
    pin = next((prompts[name] for name in _PIN_PROMPTS if name in prompts), shared)
    if prompts and not query and not pin:
        logger.info(
            "%s states the prompts %s, none of them for queries or documents: none is used; name "
            "one with student.query_prefix and student.pin_prefix",
            folder, ", ".join(sorted(prompts)),
        )  # fmt: skip
    return query, pin
