"""The server's end of a WebSocket: uvicorn's own, and an end for clients that do not read or do not answer.

What is sent waits until a client reads, which keeps memory small; but uvicorn would wait for ever, and closes nothing
while anything waits to be sent.
"""

import asyncio
from collections.abc import Callable

from django.conf import settings
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

TRY_AGAIN_LATER = 1013
INTERNAL_ERROR = 1011
# Seconds that a client has to read what was sent before, and with it the reason.
LAST_WORDS = 15.0


class PatientSocket(WebSocketsSansIOProtocol):
    """Closes with 1013 when a client has read nothing for SLOW_CLIENT_SECONDS while something waits for it.

    One that does not answer a ping is closed with 1011, and its operations end then and there. One that has sent what
    is no WebSocket frame, or a message that is too large (1009), gets to read why.
    """

    _end: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._later(settings.SLOW_CLIENT_SECONDS, self._give_up)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.disconnected:
            self._forget_end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_end()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        was_open = not self.close_sent
        super().keepalive_timeout()
        if was_open:
            self._leave(INTERNAL_ERROR)

    def handle_parser_exception(self) -> None:
        if self.close_sent:
            return
        assert self.conn.close_sent is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": self.conn.close_sent.code})
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        # To close a connection on which more arrives resets it, and with it what the client has not read: what is still
        # on its way is thrown away until the client ends it.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    def _give_up(self) -> None:
        self.stop_keepalive()
        if not self.close_sent:
            self.conn.send_close(TRY_AGAIN_LATER, "Too slow: connect again after the last event.")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        self.transport.close()
        self._leave(TRY_AGAIN_LATER)

    def _leave(self, code: int) -> None:
        """Tell the application that the client is gone, and be rid of it soon."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        # Whoever waits to send is told that there is nobody.
        self.disconnected = True
        self.writable.set()
        self._later(LAST_WORDS, self.transport.abort)

    def _later(self, seconds: float, work: Callable[[], object]) -> None:
        self._forget_end()
        self._end = self.loop.call_later(seconds, work)

    def _forget_end(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
