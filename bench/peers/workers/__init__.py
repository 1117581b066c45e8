"""One competitor a process, in its own environment; nothing here imports pintower.

Each loader module has ``load(spec) -> Peer``; ``__main__`` answers commands, ``prepare`` makes the
files that loaders read.
"""
