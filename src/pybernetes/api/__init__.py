"""Kinds, their schema, defaults and validation; errors as Status."""
