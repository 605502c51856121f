"""resourceclaim-controller: pods that name a template get claims (`pods.py`); claims whose pods are gone are given back,
and removed where they were made for one (`claims.py`).
"""
