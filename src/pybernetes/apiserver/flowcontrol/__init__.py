"""API Priority and Fairness: which requests are served now, which wait, and which are sent away.

Read `schemas.py` (which FlowSchema a request matches), `work.py` (how many seats it takes), `limits.py` and `borrowing.py`
(how many a priority level has), `level.py` (who sits and who waits), then `control.py`, which the pipeline asks. Where a
seat is free all of it is a dictionary look-up and a few additions. Writes nothing: the objects are kept up in `startup/flowcontrol.py`.
"""
