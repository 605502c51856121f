"""Objects of a cluster's event loop, used from other threads: each method runs in the loop and blocks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from .faults import Fault, Faults

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def called(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """A function that does not wait, as a coroutine."""
    return function(*arguments, **options)


class Blocking:
    """An object whose coroutine methods block: each is run in the cluster's loop."""

    def __init__(self, of: Any, run: Run) -> None:
        self._of, self._run = of, run

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if not inspect.iscoroutinefunction(found):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            return self._run(found(*arguments, **options))

        return call


class BlockingFault:
    """A fault at work."""

    def __init__(self, fault: Fault, run: Run) -> None:
        self._fault, self._run = fault, run

    @property
    def happened(self) -> int:
        """How often it has hit a request."""
        return self._fault.happened

    def stop(self) -> None:
        """Everything works again."""
        self._run(called(self._fault.stop))

    def __enter__(self) -> BlockingFault:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()


class BlockingFaults:
    """The methods of `Faults`, called in the loop whether they wait or not."""

    def __init__(self, faults: Faults, run: Run) -> None:
        self._faults, self._run = faults, run

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._faults, name)

        def call(*arguments: Any, **options: Any) -> Any:
            waits = inspect.iscoroutinefunction(method)
            found = self._run(
                method(*arguments, **options) if waits else called(method, *arguments, **options)
            )
            return BlockingFault(found, self._run) if isinstance(found, Fault) else found

        return call
