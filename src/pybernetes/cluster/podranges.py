"""The share of the pod range that each hollow node gets: a /24, as node-ipam gives to real ones."""

from __future__ import annotations

import ipaddress

NODE_MASK = 24
MANY_NODES = "10.128.0.0/9"
"""A range for 32,768 nodes, clear of the default range of Services."""


def capacity(pod_cidr: str) -> int:
    """How many nodes the range serves."""
    return int(2 ** max(NODE_MASK - ipaddress.ip_network(pod_cidr).prefixlen, 0))


def share(pod_cidr: str, number: int) -> str:
    """The range of node `number` (from 0). Raises ValueError where the range is used up."""
    if number >= capacity(pod_cidr):
        raise ValueError(
            f"pod range {pod_cidr} serves {capacity(pod_cidr)} nodes; node {number + 1} needs a larger one"
        )
    network = ipaddress.ip_network(pod_cidr)
    first = network.network_address + number * 2 ** (network.max_prefixlen - NODE_MASK)
    return f"{first}/{NODE_MASK}"
