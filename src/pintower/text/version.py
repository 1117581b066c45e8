"""Version of the text rules: rendering and terms, together.

Embeddings, match statistics, snapshots and candidates are made from text by these rules. What two
versions made cannot be mixed: a query would be cut into other terms than the pins were.
"""

__all__ = ["VERSION", "require_version"]

VERSION = 2


def require_version(found: object, what: object, remedy: str) -> None:
    """Refuse what other text rules made.

    Args:
        found: the version that it names; None where it names none, as the first did.
        what: it is.
        remedy: a sentence for what is older.

    Raises:
        ValueError: naming both versions and what to do.
    """
    found = 1 if found is None else found
    if found == VERSION:
        return
    if isinstance(found, int) and found > VERSION:
        remedy = "A newer pintower made it; install that one."
    raise ValueError(
        f"{what} was made by text rules of version {found}, this pintower has version {VERSION}: "
        f"they cut text otherwise, and cannot be mixed. {remedy}"
    )
