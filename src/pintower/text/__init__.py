"""Text as both training and serving see it: rendering, terms and match features.

This package needs numpy and the standard library only. It is copied, checksummed, into the Triton
version folders that use it, so that training and serving cannot drift apart; its modules import
nothing of pintower outside this package.
"""
