"""HTML becomes the line of text that a shopper would read."""

import polars as pl
import pytest

from pintower.data.layouts.markup import plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ul><li>Toner</li><li>Black</li></ul>", "Toner Black"),
        ("<p>H<sub>2</sub>O, <B>fresh</B>ly<br/>made</p>", "H2O, freshly made"),
        ("90&deg; &amp; 5 &lt; 6 &#1057; &nbsp;end", "90° & 5 < 6 С end"),
        ("3 < 5 > 2 <3 and A<1", "3 < 5 > 2 <3 and A<1"),
        ("a<!-- <b>not</b> shown -->b<style>p {x: y}</style><script>1<2</script>c", "a b c"),
        ('<a href="x">shoe</a><img src="y">lace\n\n', "shoe lace"),
        ("<p></p>", ""),
        (None, None),
    ],
)
def test_tags_go_and_entities_are_resolved(html: str | None, text: str | None) -> None:
    assert plain_text(pl.Series("x", [html], dtype=pl.String())).to_list() == [text]
