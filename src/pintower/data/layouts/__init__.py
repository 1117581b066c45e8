"""Public datasets in the layout they are downloaded in, given by path and never by download.

    Chorus   ratings 0, 1, 2 and 3 are levels 1, 2, 4 and 5
    ESCI     irrelevant, complement, substitute and exact are levels 1, 2, 4 and 5
    MSRD     grades 0 and 1 are levels 1 and 5
    WANDS    Irrelevant, Partial and Exact are levels 1, 3 and 5

Any other label is refused.
"""

from pintower.data.layouts.chorus import CHORUS
from pintower.data.layouts.esci import ESCI
from pintower.data.layouts.layout import Layout, PublicTables, find_layout
from pintower.data.layouts.msrd import MSRD
from pintower.data.layouts.wands import WANDS

__all__ = ["LAYOUTS", "Layout", "PublicTables", "find_layout"]

LAYOUTS = (CHORUS, ESCI, MSRD, WANDS)
