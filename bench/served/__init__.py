"""Systems, loads and rounds of ``serving.py``: the served path beside what else would be served."""
