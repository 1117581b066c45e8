"""Query encoders side by side: who competes, in which environment, in which rounds, with what sum.

``workers/`` runs in the competitors' environments and imports nothing of pintower; the rest runs in
the project's own.
"""
