"""Composition root: wiring, PKI, add-ons."""
