"""The local Triton server, its environment, its client and its load generator."""
