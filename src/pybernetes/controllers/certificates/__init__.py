"""The controllers of CertificateSigningRequests: `approving.py` says yes to nodes, `signing.py` makes the certificates of
Kubernetes' own signers, `cleaner.py` removes what is over.

`signers.py` holds each signer's rules, `issuing.py` makes a certificate. None of them approves what a person has to.
"""
