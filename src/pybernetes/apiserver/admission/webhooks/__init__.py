"""Admission webhooks: `hooks.py` is the configuration as it is asked, `matching.py` says which hook is asked about what,
`review.py` makes and reads AdmissionReviews, `caller.py` performs the call, and `mutating.py` and `validating.py` are
the two plugins. The plugins compute; waiting is done through `admission/questions.py`.
"""
