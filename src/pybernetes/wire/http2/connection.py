"""One connection of the HTTP/2 server: frames in, frames out, streams between, and how it ends.

The `h2` library keeps the protocol's state; each request that has arrived whole is a `ServerStream` with a task of its
own, which this connection owns: a client that resets the stream or goes away cancels it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from h2.errors import ErrorCodes
from hyperframe.frame import GoAwayFrame

from pybernetes.wire.http.connection import Owner
from pybernetes.wire.http.messages import Request
from pybernetes.wire.http2.stream import ServerStream

log = logging.getLogger(__name__)

MAX_STREAMS = 100
"""Requests at a time on one connection, as upstream's API server allows."""
MAX_LIVE = 4 * MAX_STREAMS
"""Handlers that may still be running, streams that the client has reset meanwhile included: beyond, it is attacked."""
WINDOW = 256 * 1024
"""Bytes of one body that may be under way unread, and the longest frame (upstream: 99% of bodies fit)."""
Settings = h2.settings.SettingCodes
FrameEvents = list[h2.events.Event]


class States(h2.connection.H2ConnectionStateMachine):
    """The library's, but that a client's GOAWAY only says that it asks for nothing more: what it has asked for before
    is still answered (RFC 9113, 6.8)."""

    _transitions = {  # noqa: RUF012  (as the library has it)
        **h2.connection.H2ConnectionStateMachine._transitions,
        (h2.connection.ConnectionState.SERVER_OPEN, h2.connection.ConnectionInputs.RECV_GOAWAY): (
            None,
            h2.connection.ConnectionState.SERVER_OPEN,
        ),
    }


class Http2Connection(asyncio.Protocol):
    def __init__(self, owner: Owner, scheme: str) -> None:
        self.owner = owner
        self.limits = owner.limits
        self.ending = False
        self._left = False
        """Whether the client has said that it asks for nothing more."""
        self.lost = False
        self.writable = asyncio.Event()
        self.writable.set()
        self._scheme = scheme
        self._loop = asyncio.get_running_loop()
        self._streams: dict[int, ServerStream] = {}
        self._live = 0
        self._last = 0
        self._deadline = self._loop.time() + owner.limits.head_timeout
        self._remote = ""
        self._certificate: bytes | None = None
        self._scope: dict[str, Any] = {}
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=False,
                header_encoding=None,
                normalize_outbound_headers=False,  # `stream.py` writes them as they must be
                validate_outbound_headers=False,
            )
        )
        self.h2.state_machine = States()

    # -- the transport's calls -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self.limits.write_buffer)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._remote = peer[0]
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self._certificate = tls.getpeercert(True) or None
        self.owner.opened(self)
        self.h2.initiate_connection()
        # The library applies what differs from its defaults when the client has acknowledged it.
        self.h2.update_settings(
            {
                Settings.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                Settings.INITIAL_WINDOW_SIZE: WINDOW,
                Settings.MAX_FRAME_SIZE: WINDOW,
                Settings.MAX_HEADER_LIST_SIZE: self.limits.head,
            }
        )
        self.h2.increment_flow_control_window(WINDOW * MAX_STREAMS)
        self.flush()

    def data_received(self, data: bytes) -> None:
        try:
            events = self.h2.receive_data(data)
        except h2.exceptions.ProtocolError as error:
            log.debug("%s broke the protocol: %s", self._remote, error)
            self.flush()  # the GOAWAY that says so
            self._transport.close()
            return
        for event in events:
            self._handle(event)
        self.flush()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True
        self.writable.set()
        for stream in tuple(self._streams.values()):
            stream.cancel()
        if not self._live:
            self.owner.closed(self)

    def pause_writing(self) -> None:
        """Who reads no answers is not read either: what a client sends (pings, settings) calls for answers too."""
        self.writable.clear()
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self.writable.set()
        self._transport.resume_reading()

    # -- the server's calls --------------------------------------------------------------------------------

    def overdue(self, now: float) -> bool:
        """Whether nothing has been asked for too long. Requests that do not arrive whole are reset on the way."""
        for stream in tuple(self._streams.values()):
            if stream.overdue(now):
                self.reset(stream, ErrorCodes.CANCEL)
        self.flush()
        return not self._live and not self._streams and now > self._deadline

    def drain(self) -> None:
        """Ends the connection when what it does now is done; endless streams are ended at once."""
        if self.ending or self._transport.is_closing():
            return
        self.ending = True
        # `close_connection` of the library would forbid what is still to be sent.
        self.flush()
        self._transport.write(GoAwayFrame(0, last_stream_id=self._last, error_code=0).serialize())
        for stream in tuple(self._streams.values()):
            stream.end_if_endless()
        self._close_if_done()

    def abort(self) -> None:
        self._transport.abort()
        for stream in tuple(self._streams.values()):
            stream.cancel()

    # -- the streams' calls --------------------------------------------------------------------------------

    def flush(self) -> None:
        """Writes what the library has to say."""
        data = self.h2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def make_request(self, method: str, target: str, headers: Any, body: bytes) -> Request:
        return Request(
            method,
            target,
            headers,
            body,
            peer_certificate=self._certificate,
            remote=self._remote,
            scheme=self._scheme,
            connection=self._scope,
        )

    def reset(self, stream: ServerStream, code: ErrorCodes) -> None:
        """Breaks off one stream."""
        try:
            self.h2.reset_stream(stream.id, code)
        except h2.exceptions.ProtocolError:
            log.debug("stream %d had ended already", stream.id)
        self._forget(stream)

    def run(self, stream: ServerStream) -> None:
        """Starts the task that answers a request."""
        self._live += 1
        stream.task = self._loop.create_task(stream.answer())
        stream.task.add_done_callback(lambda task: self._finished(stream, task))

    def _finished(self, stream: ServerStream, task: asyncio.Task[None]) -> None:
        self._live -= 1
        if task.cancelled() or task.exception() is not None:
            if not task.cancelled():
                log.error("stream %d failed", stream.id, exc_info=task.exception())
            self.reset(stream, ErrorCodes.INTERNAL_ERROR)
        self._forget(stream)
        self._deadline = self._loop.time() + self.limits.idle_timeout
        if self.lost:
            if not self._live:
                self.owner.closed(self)
            return
        self.flush()
        self._close_if_done()

    def _close_if_done(self) -> None:
        if (self.ending or self._left) and not self._live and not self._streams:
            self._transport.close()

    def _forget(self, stream: ServerStream) -> None:
        self._streams.pop(stream.id, None)

    # -- events --------------------------------------------------------------------------------------------

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._open(event)
        elif isinstance(event, h2.events.DataReceived):
            self._take(event)
        elif isinstance(event, h2.events.StreamEnded):
            stream = self._streams.get(event.stream_id)
            if stream is not None:
                stream.arrived()
        elif isinstance(event, h2.events.StreamReset):
            stream = self._streams.get(event.stream_id)
            if stream is not None:
                self._forget(stream)
                stream.cancel()
        elif isinstance(event, h2.events.WindowUpdated | h2.events.RemoteSettingsChanged):
            for stream in tuple(self._streams.values()):
                stream.window_opened()
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._left = True
            if event.error_code != ErrorCodes.NO_ERROR:
                for stream in tuple(self._streams.values()):
                    stream.cancel()
                self._transport.close()
            self._close_if_done()

    def _open(self, event: h2.events.RequestReceived) -> None:
        if self.ending:
            self.h2.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)  # the client asks elsewhere
        elif self._live >= MAX_LIVE:
            log.warning("%s resets requests faster than they end: closing its connection", self._remote)
            self.h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            self.flush()
            self._transport.close()
        else:
            stream = self._streams[event.stream_id] = ServerStream(self, event.stream_id, event.headers)
            self._last = max(self._last, event.stream_id)
            stream.opened(whole=event.stream_ended is not None)

    def _take(self, event: h2.events.DataReceived) -> None:
        """What arrives is taken at once: a body is read whole, and no longer than the limit."""
        stream = self._streams.get(event.stream_id)
        if event.flow_controlled_length:
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if stream is not None:
            stream.take(event.data)
