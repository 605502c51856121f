"""A simulated world: virtual time, hollow runtime."""
