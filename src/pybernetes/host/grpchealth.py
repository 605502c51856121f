"""The gRPC health protocol (grpc.health.v1), as far as a probe needs it: one Check, its answer by name."""

from __future__ import annotations

STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")


async def check(host: str, port: int, service: str, timeout: float) -> str:
    """The status of a service ("" is the server's own). Raises OSError where no server answers, TimeoutError."""
    import grpc.aio

    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    async with grpc.aio.insecure_channel(where) as channel:
        call = channel.unary_unary("/grpc.health.v1.Health/Check", _as_is, _as_is)
        try:
            reply: bytes = await call(_request(service), timeout=timeout)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError(f"health rpc did not complete within {timeout} s") from error
            raise OSError(f"health rpc failed: {error.details()}") from error
    return STATUSES[_status(reply)]


def _as_is(message: bytes) -> bytes:
    return message


def _request(service: str) -> bytes:
    """HealthCheckRequest: field 1, the service's name."""
    name = service.encode()
    return b"\x0a" + bytes((len(name),)) + name if name else b""


def _status(reply: bytes) -> int:
    """HealthCheckResponse: field 1, an enumeration; absent is 0."""
    return reply[1] if len(reply) >= 2 and reply[0] == 0x08 and reply[1] < len(STATUSES) else 0
