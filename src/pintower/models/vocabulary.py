"""Token ids that texts can become, held against the rows of an encoder's embedding table.

A token that was added to a tokenizer without a row for it ends in an error, or is served as
another token. A table with more rows than the tokenizer has tokens is fine: many are padded.
"""

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer

from pintower.errors import StudentError

__all__ = ["largest_id", "require_rows", "table_rows"]


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
    """Check that every id that a text can become has a row of the embedding table.

    Args:
        tokenizer: of the encoder.
        rows: of its embedding table.
        name: of the encoder, for the message.

    Raises:
        StudentError: naming both sizes and the first token without a row.
    """
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
