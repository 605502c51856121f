"""The node agent's logic."""
