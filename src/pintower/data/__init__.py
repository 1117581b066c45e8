"""Data: the reader of dataset folders, the splits, the synthetic catalogue, the candidate index."""
