"""A tokenizer that knows only the pieces that some texts need, and can still split any other text.

Most of an encoder's bytes can be the embeddings of pieces no query ever has: of the 250,000 pieces
of a multilingual encoder an English log needs a few thousand.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedTokenizerFast

from pintower.errors import StudentError

__all__ = ["SmallerVocabulary", "cut_embeddings", "shrink_vocabulary"]

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_BATCH = 10_000


@dataclass(frozen=True)
class SmallerVocabulary:
    """A tokenizer with fewer pieces.

    Attributes:
        tokenizer: the smaller one.
        kept: the old id of each of its ids.
    """

    tokenizer: Tokenizer
    kept: Sequence[int]


def shrink_vocabulary(tokenizer: Tokenizer, texts: Sequence[str]) -> SmallerVocabulary:
    """Return a tokenizer that splits some texts as before and knows no pieces beside theirs.

    Single characters and bytes stay, so that other texts are split into smaller pieces rather than
    lost. Ids keep their order.

    Args:
        tokenizer: without truncation; not changed.
        texts: rendered as the encoder sees them.

    Raises:
        StudentError: if the tokenizer's kind is not known, or a text would be split otherwise.
    """
    state = json.loads(tokenizer.to_str())
    kind = state["model"].get("type")
    if kind not in _SHRINK:
        raise StudentError(
            f"A vocabulary of kind {kind!r} cannot be cut; allowed: {', '.join(_SHRINK)}."
        )
    wanted = [row for batch in _batches(texts) for row in _ids(tokenizer, batch)]
    used = {token for row in wanted for token in row}
    used |= {token["id"] for token in state["added_tokens"]}
    pieces = {id_: piece for piece, id_ in tokenizer.get_vocab(with_added_tokens=True).items()}
    prefix = state["model"].get("continuing_subword_prefix") or ""
    used |= {id_ for id_, piece in pieces.items() if _always(piece, prefix)}
    kept_pieces = _SHRINK[kind](state["model"], {pieces[id_] for id_ in used})
    kept = sorted(id_ for id_, piece in pieces.items() if piece in kept_pieces or id_ in used)
    moved = {old: new for new, old in enumerate(kept)}
    _renumber(state, moved, pieces)
    smaller = Tokenizer.from_str(json.dumps(state))
    smaller.encode_special_tokens = tokenizer.encode_special_tokens
    given = (row for batch in _batches(texts) for row in _ids(smaller, batch))
    for text, before, after in zip(texts, wanted, given, strict=True):
        if [kept[token] for token in after] != before:
            raise StudentError(
                f"With a smaller vocabulary {text[:60]!r} would be split otherwise. This tokenizer "
                "cannot be cut."
            )
    return SmallerVocabulary(smaller, kept)


def cut_embeddings(encoder: SentenceTransformer, smaller: SmallerVocabulary) -> None:
    """Give an encoder a smaller vocabulary: its tokenizer, and the embeddings of what was kept.

    Raises:
        StudentError: if positions would move, because they are counted from the padding token's id.
    """
    transformer = encoder[0]
    backbone, before = transformer.auto_model, transformer.tokenizer
    moved = {old: new for new, old in enumerate(smaller.kept)}
    padding = before.pad_token_id
    if padding is not None and moved[padding] != padding:
        raise StudentError(
            f"The padding token's id {padding} would become {moved[padding]}, and positions may be "
            "counted from it. The vocabulary of this encoder cannot be cut."
        )
    table = backbone.get_input_embeddings()
    cut = nn.Embedding(len(smaller.kept), table.embedding_dim, padding_idx=table.padding_idx)
    kept = torch.tensor(smaller.kept)
    # No text becomes a special token beyond the table: its row may hold anything.
    cut.weight.data = table.weight.data[kept.clamp(max=table.num_embeddings - 1)].clone()
    backbone.set_input_embeddings(cut)
    backbone.config.vocab_size = len(smaller.kept)
    for key, value in backbone.config.to_dict().items():
        if key.endswith("_token_id") and isinstance(value, int):
            setattr(backbone.config, key, moved.get(value))
    tokenizer = Tokenizer.from_str(smaller.tokenizer.to_str())
    transformer.processor = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=before.model_max_length,
        truncation_side=before.truncation_side,
        model_input_names=before.model_input_names,
        **before.special_tokens_map,
    )


def _always(piece: str, prefix: str) -> bool:
    return len(piece.removeprefix(prefix) if prefix else piece) == 1 or bool(_BYTE.fullmatch(piece))


def _batches(texts: Sequence[str]) -> Iterable[Sequence[str]]:
    return (texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH))


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]


def _keep_pieces(model: Mapping[str, Any], pieces: set[str]) -> set[str]:
    """WordPiece and Unigram look whole pieces up; nothing else hangs on them."""
    return pieces


def _keep_merges(model: dict[str, Any], pieces: set[str]) -> set[str]:
    """BPE reaches a piece through smaller ones: they stay, and the merges between those that do."""
    merges = [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in model["merges"]]
    rank = {pair: place for place, pair in enumerate(merges)}
    kept = set(pieces)
    for piece in pieces:
        parts = list(piece)
        while len(parts) > 1:
            pairs = [rank.get(pair, len(rank)) for pair in zip(parts, parts[1:], strict=False)]
            best = min(range(len(pairs)), key=pairs.__getitem__)
            if pairs[best] == len(rank):
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
            kept.add(parts[best])
    model["merges"] = [list(pair) for pair in merges if {*pair, "".join(pair)} <= kept]
    return kept


_SHRINK = {"WordPiece": _keep_pieces, "Unigram": _keep_pieces, "BPE": _keep_merges}


def _renumber(state: dict[str, Any], moved: Mapping[int, int], pieces: Mapping[int, str]) -> None:
    """Give every id in a tokenizer's file its new value."""
    model = state["model"]
    if isinstance(model["vocab"], list):
        model["vocab"] = [model["vocab"][old] for old in moved if old < len(model["vocab"])]
        if model.get("unk_id") is not None:
            model["unk_id"] = moved[model["unk_id"]]
    else:
        known = model["vocab"].keys()
        model["vocab"] = {pieces[old]: new for old, new in moved.items() if pieces[old] in known}
    for token in state["added_tokens"]:
        token["id"] = moved[token["id"]]
    if state["padding"] is not None:
        state["padding"]["pad_id"] = moved[state["padding"]["pad_id"]]
    processors = [state["post_processor"]]
    while processors:
        processor = processors.pop() or {}
        processors += processor.get("processors", [])
        for token in processor.get("special_tokens", {}).values():
            token["ids"] = [moved[old] for old in token["ids"]]
        for end in ("cls", "sep"):
            if end in processor:
                piece, old = processor[end]
                processor[end] = [piece, moved[old]]
