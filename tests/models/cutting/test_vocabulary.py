from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from pintower.artifacts import read_json
from pintower.errors import StudentError
from pintower.models.cutting import cut_student
from pintower.models.cutting.vocabulary import shrink_vocabulary
from pintower.models.embedding import embed_texts
from pintower.models.student import load_student
from pintower.models.tokenization import load_tokenizer

CORPUS = [
    "red running shoes for women", "oak dining table and chairs", "lemon cake recipe, easy",
    "boho bedroom ideas", "garden bench under the old tree", "blue velvet sofa, 3 seats",
] * 3  # fmt: skip
NEEDED = ["red shoes", "lemon cake", "blue sofa 3"]
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]


def word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=220, special_tokens=SPECIAL)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=160, special_tokens=SPECIAL, unk_token="<unk>")
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def byte_pairs() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def with_ends(make: Callable[[], Tokenizer]) -> Tokenizer:
    tokenizer = make()
    ends = [(piece, tokenizer.token_to_id(piece)) for piece in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", None, ends)
    tokenizer.encode_special_tokens = True
    return tokenizer


@pytest.mark.parametrize("make", [word_piece, unigram, byte_pairs])
def test_needed_texts_are_split_as_before(make: Callable[[], Tokenizer]) -> None:
    tokenizer = with_ends(make)
    smaller = shrink_vocabulary(tokenizer, NEEDED)
    assert smaller.tokenizer.get_vocab_size() == len(smaller.kept)
    assert len(smaller.kept) < tokenizer.get_vocab_size()
    for text in NEEDED:
        before, after = tokenizer.encode(text), smaller.tokenizer.encode(text)
        assert after.tokens == before.tokens
        assert [smaller.kept[id_] for id_ in after.ids] == before.ids


@pytest.mark.parametrize("make", [word_piece, unigram, byte_pairs])
def test_other_texts_are_split_smaller_and_lose_nothing(make: Callable[[], Tokenizer]) -> None:
    tokenizer = with_ends(make)
    smaller = shrink_vocabulary(tokenizer, NEEDED).tokenizer
    for text in ("bedroom ideas", "running women"):
        before, after = tokenizer.encode(text).tokens, smaller.encode(text).tokens
        assert len(after) > len(before)
        assert "<unk>" not in after
        assert "".join(after).replace("##", "") == "".join(before).replace("##", "")


def test_special_tokens_keep_their_place(tmp_path: Path) -> None:
    smaller = shrink_vocabulary(with_ends(word_piece), NEEDED).tokenizer
    assert [smaller.token_to_id(piece) for piece in SPECIAL] == [0, 1, 2, 3]
    assert smaller.encode("").tokens == ["<s>", "</s>"]
    smaller.save(str(tmp_path / "tokenizer.json"))
    again = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert again.get_vocab() == smaller.get_vocab()


def test_a_vocabulary_of_words_is_refused() -> None:
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0, "red": 1}, unk_token="<unk>"))
    with pytest.raises(StudentError, match="kind 'WordLevel' cannot be cut; allowed: WordPiece"):
        shrink_vocabulary(tokenizer, ["red"])


def test_student_with_a_cut_vocabulary_embeds_logged_queries_as_before(
    tiny_student: Path, tiny_pins: pl.DataFrame, tmp_path: Path
) -> None:
    data, folder = tmp_path / "data", tmp_path / "cut"
    data.mkdir(), folder.mkdir()
    tiny_pins.write_parquet(data / "pins.parquet")
    queries = ["red shoes", "blue sofa", "lemon cake", "garden bench", "wooden beach house"]
    splits = ["train", "train", "train", "validation", "test"]
    rows = [
        {"query": query, "pin_id": "pin-001", "level": 3, "split": split}
        for query, split in zip(queries, splits, strict=True)
    ]
    pl.DataFrame(rows).write_parquet(data / "judgments.parquet")
    pl.DataFrame({"query": queries[:3]}).write_parquet(data / "query_log.parquet")
    cut_student(
        tiny_student, data, folder, layers=None, vocabulary=True, steps=9, seed=1, bf16=False
    )
    made = read_json(folder / "cut.json")
    assert made["pieces"] < made["all_pieces"]
    assert made["steps"] == 0 and made["layers"] == made["depth"]
    before, after = load_student(tiny_student), load_student(folder)
    table = after.query_encoder[0].auto_model.get_input_embeddings()
    assert len(table.weight) == made["pieces"] == after.query_encoder[0].config.vocab_size
    known = queries[:3]
    np.testing.assert_allclose(
        after.embed_queries(known), before.embed_queries(known), rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(
        after.query_encoder.encode(known), before.query_encoder.encode(known), rtol=0, atol=1e-6
    )
    tokenizer = load_tokenizer(folder / "query_encoder", 64)
    assert np.isfinite(embed_texts(after.query_encoder, tokenizer, [queries[-1], "", "ß🦄"])).all()
