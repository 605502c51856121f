"""gRPC's errors as the kubelet's."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

import grpc
import grpc.aio

from pybernetes.kubelet.runtime import (
    CRIError,
    DeadlineExceeded,
    ImagePullFailed,
    InvalidImageName,
    NameReserved,
    NotFound,
    RegistryUnavailable,
    Unavailable,
)

R = TypeVar("R")


async def answered(call: Awaitable[R]) -> R:
    """The answer of a runtime call; its error as a CRIError."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise _translated(error) from error


async def finished(call: Awaitable[object]) -> None:
    """Of stopping or removing: done where the thing is gone already, as CRI has it (containerd 1.6 says NotFound)."""
    try:
        await answered(call)
    except NotFound:
        return


async def pulled(call: Awaitable[R]) -> R:
    """The answer of a pull; its error as an ImagePullFailed where the image (not the runtime) is at fault."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        text = error.details() or error.code().name
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            raise Unavailable(text) from error
        if "invalid reference format" in text or error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            raise InvalidImageName(text) from error
        if "connection refused" in text or "no such host" in text or "i/o timeout" in text:
            raise RegistryUnavailable(_as_upstream(error)) from error
        raise ImagePullFailed(_as_upstream(error)) from error


def _translated(error: grpc.aio.AioRpcError) -> CRIError:
    text = error.details() or error.code().name
    match error.code():
        case grpc.StatusCode.NOT_FOUND:
            return NotFound(text)
        case grpc.StatusCode.UNAVAILABLE:
            return Unavailable(text)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(text)
    if "is reserved for" in text:
        return NameReserved(text)
    if "server is not initialized yet" in text:  # containerd, for a moment after it has started
        return Unavailable(text)
    return CRIError(text)


def _as_upstream(error: grpc.aio.AioRpcError) -> str:
    """Go prints an rpc error with its code; events quote it so."""
    name = "".join(part.capitalize() for part in error.code().name.split("_"))
    return f"rpc error: code = {name} desc = {error.details()}"
