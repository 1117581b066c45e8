"""Training a student away from its start, only as far as held-out queries say that it pays."""
