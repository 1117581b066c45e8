"""pintower turns a trained search-relevance student into a Triton release to be trusted."""

__version__ = "0.1.0"
