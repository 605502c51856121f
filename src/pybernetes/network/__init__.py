"""Pod networking."""
