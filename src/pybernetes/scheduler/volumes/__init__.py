"""What the scheduler knows about storage: the objects (`view.py`), which volume may serve which claim (`match.py`), and
the writes by which a claim gets its volume before its pod is bound (`bind.py`). The plugins are in `plugins/`.
"""
