"""End-to-end scenarios, written once: run against the library in virtual time and against real clusters."""
