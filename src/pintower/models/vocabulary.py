"""Token ids that texts can become, held against the rows of an encoder's embedding table.

A token that was added to a tokenizer without a row for it ends in an error, or is served as
another token. A table with more rows than the tokenizer has tokens is fine: many are padded. But a
tokenizer that knows next to nothing of what the table has rows for was not read from its files:
transformers makes an empty one where a folder has none, and every word is unknown to it.
"""

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

from pintower.errors import StudentError

__all__ = ["largest_id", "require_rows", "table_rows"]

_LEAST_KNOWN = 0.1
"""Of a table's rows, at least, that a tokenizer's own words and pieces have; padding takes few."""


def largest_id(tokenizer: Tokenizer) -> int:
    """Return the largest id that a text can become.

    All of the model's own vocabulary, the tokens added to it, and what is put around every text.
    An added token that is special counts only there: its name in a text is text, see
    :func:`pintower.models.tokenization.open_tokenizer`.
    """
    added = tokenizer.get_added_tokens_decoder()
    written = [number for number, token in added.items() if not token.special]
    known = tokenizer.get_vocab(with_added_tokens=False).values()
    return int(max([0, *known, *written, *tokenizer.encode("").ids]))


def table_rows(encoder: SentenceTransformer) -> int:
    """Return the rows of an encoder's embedding table of tokens.

    Raises:
        StudentError: if it has no such table.
    """
    first = encoder[0]
    if isinstance(first, StaticEmbedding):
        return int(first.embedding.num_embeddings)
    try:
        rows = first.auto_model.get_input_embeddings().num_embeddings
    except (AttributeError, NotImplementedError) as error:
        kind = type(getattr(first, "auto_model", first)).__name__
        raise StudentError(
            f"A {kind} has no table with an embedding for each token, "
            "which its ids could be held against. Not supported."
        ) from error
    return int(rows)


def require_rows(tokenizer: Tokenizer, rows: int, name: object) -> None:
    """Check that every id that a text can become has a row, and that not nearly all rows are idle.

    Args:
        tokenizer: of the encoder.
        rows: of its embedding table.
        name: of the encoder, for the message.

    Raises:
        StudentError: naming both sizes; the first token without a row, if there is one.
    """
    added = tokenizer.get_added_tokens_decoder().values()
    special = {token.content for token in added if token.special}
    known = len(tokenizer.get_vocab().keys() - special)
    if known < _LEAST_KNOWN * rows:
        raise StudentError(
            f"{name}: its tokenizer knows {known:,} words and pieces, its embedding table has "
            f"{rows:,} rows: nearly every text would be unknown tokens. The tokenizer's files are "
            "missing or another encoder's: put the encoder's own beside its config.json "
            "(tokenizer.json; or vocab.txt, vocab.json and merges.txt, a sentencepiece *.model)."
        )
    largest = largest_id(tokenizer)
    if largest < rows:
        return
    token = tokenizer.id_to_token(rows) or tokenizer.id_to_token(largest)
    raise StudentError(
        f"{name}: its tokenizer has {largest + 1:,} entries, its embedding table {rows:,} rows, so "
        f"{token!r} has no embedding. Resize the table "
        "(model.resize_token_embeddings(len(tokenizer))) and train the new rows, or take the added "
        "tokens out of the tokenizer."
    )
