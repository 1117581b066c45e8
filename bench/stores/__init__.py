"""Where the embeddings of a request's pins could come from, each behind one function."""
