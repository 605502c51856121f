"""API Priority and Fairness: which requests are served now, which wait, and which are sent away.

Read `schemas.py` (which FlowSchema a request matches), `limits.py` (how many seats a priority level has), `level.py` (who
sits and who waits), then `control.py`, which the pipeline asks. Where a seat is free all of it is a dictionary look-up
and two additions. Writes nothing: the objects are kept up in `startup/flowcontrol.py`.
"""
