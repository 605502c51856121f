"""The controller runtime: what every controller shares, so that a controller is `observe` and `plan`.

Read first: `plan.py` (what a controller answers), `definition.py` (what a controller is), then `loop.py` (the shell that
observes, plans and performs). Nothing here knows any particular controller.
"""
