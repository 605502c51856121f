"""The controller runtime: queue, plan, writes, owner references."""
