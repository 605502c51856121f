"""The pyber command."""
