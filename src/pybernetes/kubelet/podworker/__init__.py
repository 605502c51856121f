"""One pod's life: `plan.py` computes from what is seen what to do and what to report, `worker.py` performs it.

Read first: `seen.py` and `actions.py` (the plan's input and output), then `plan.py` with `start.py` and `terminate.py`.
Only `worker.py` and `perform.py` wait for anything.
"""
