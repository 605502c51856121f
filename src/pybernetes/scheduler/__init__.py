"""Kube-scheduler: which node a pod goes to.

Read `decide.py` first (one decision, pure), then `plugins/table.py` (what is asked, in which order), `framework.py` (what
a plugin is) and `scheduler.py` (the shell: caches, queue, bindings). It knows the API through the client only. A filter or
a score is one vector operation over all nodes; NumPy is imported when the scheduler starts to run, not when this package is.
"""
