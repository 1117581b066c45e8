"""Texts as rows of token ids, and their embeddings in whatever batches."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from pintower.models.embedding import TorchEncoder
from pintower.models.tokenization import TokenRows, load_tokenizer, token_batch

TEXTS = ["red", "", "a red garden beach lemon", "blue beach", "garden " * 40, "[SEP]"] * 200


@pytest.mark.parametrize("rows", [[0], [1], [3, 1, 4, 2], [*range(600, 620)], []])
def test_rows_of_token_ids_are_padded_like_a_batch_of_their_texts(
    tiny_student: Path, rows: list[int]
) -> None:
    tokenizer = load_tokenizer(tiny_student / "pin_encoder", 16)
    kept = TokenRows.of(tokenizer, TEXTS)
    ids, mask = kept.batch(np.array(rows, dtype=np.int64))
    wanted_ids, wanted_mask = token_batch(tokenizer, [TEXTS[row] for row in rows])
    assert ids.dtype == mask.dtype == np.int64
    assert ids.tolist() == wanted_ids.tolist()
    assert mask.tolist() == wanted_mask.tolist()
    assert kept.lengths.max() == 16


def test_no_text_is_no_row() -> None:
    kept = TokenRows.of(Tokenizer(WordLevel({"a": 0}, unk_token="a")), [])
    assert kept.lengths.size == kept.ids.size == 0


def test_a_batch_moves_no_embedding_and_every_text_keeps_its_place(tiny_student: Path) -> None:
    opened = TorchEncoder.open(tiny_student / "query_encoder", 16)
    exact = TorchEncoder(opened.encoder, opened.tokenizer, bf16=False)
    texts = TEXTS[:60]
    alone = np.concatenate([exact.embed([text]) for text in texts])
    for budget in (None, 40, 200):
        assert np.abs(exact.embed(texts, batch_tokens=budget) - alone).max() < 1e-5
