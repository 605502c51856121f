"""Whether a device is one that a request selects: asked of each expression once per device."""

from __future__ import annotations

from .asked import Request, Selector
from .devices import Device


def matches(device: Device, request: Request) -> bool:
    """Whether the selectors of the request's class and its own all select the device. Raises AllocationError."""
    return all(_selects(selector, device) for selector in request.selectors)


def _selects(selector: Selector, device: Device) -> bool:
    known = device.matched.get(selector.expression)
    if known is None:
        from .evaluate import selects

        known = device.matched[selector.expression] = selects(selector, device)
    return known
