"""What both wsproto sides share: reading events, noting them, sending messages in frames."""

import socket
import time

from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import ProtocolError

from common import body, sha256

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


def letters(size):
    """`size` letters, the text that all peers use."""
    return (LETTERS * (size // 26 + 1))[:size].decode()


class Side:
    """One side of a WebSocket connection: wsproto's state, a socket, and what was seen."""

    def __init__(self, state, stream, split=0):
        self.state, self.stream, self.split = state, stream, split
        self.events, self.parts, self.over = [], [], False
        self.queue = []

    def write(self, data):
        """Sends bytes: at once, or in pieces each of which leaves on its own."""
        if not self.split:
            self.stream.sendall(data)
            return
        for start in range(0, len(data), self.split):
            self.stream.sendall(data[start : start + self.split])
            time.sleep(0.0002)

    def send(self, event):
        """Sends what wsproto makes of an event."""
        self.write(self.state.send(event))

    def message(self, text, size, frames):
        """Sends one message of the pattern in so many frames."""
        data = letters(size) if text else body(size)
        kind = TextMessage if text else BytesMessage
        share = max(1, -(-size // max(1, frames)))
        for number in range(frames):
            part = data[number * share : (number + 1) * share]
            self.send(kind(data=part, message_finished=number + 1 == frames))

    def next(self):
        """The next event, noted and answered as the RFC wants; None at the end."""
        while not self.over:
            while self.queue:
                event = self.queue.pop(0)
                note = self.note(event)
                if note is not None:
                    self.events.append(note[0])
                    return note
            self.fill()
        return None

    def fill(self):
        """Reads from the socket."""
        try:
            data = self.stream.recv(1 << 18)
            self.state.receive_data(data or None)
            self.queue.extend(self.state.events())
        except ProtocolError as error:
            self.end(f"error {error}")
            return
        except OSError as error:
            self.end(f"io {type(error).__name__}")
            return
        if not data:
            closed = [event for event in self.queue if isinstance(event, CloseConnection) and event.code == 1006]
            self.queue = []
            self.end("closed early" if closed else "closed")

    def end(self, why):
        """Notes the last event."""
        self.events.append(why)
        self.over = True

    def note(self, event):
        """What is noted of an event, with its kind and content; None where a message is not whole."""
        if isinstance(event, (TextMessage, BytesMessage)):
            self.parts.append(event.data)
            if not event.message_finished:
                return None
            text = isinstance(event, TextMessage)
            whole = ("" if text else b"").join(self.parts)
            self.parts = []
            data = whole.encode() if text else bytes(whole)
            return f"{'text' if text else 'binary'} {len(data)} {sha256(data)}", "text" if text else "binary", whole
        if isinstance(event, Ping):
            self.answer(event.response())
            return f"ping {bytes(event.payload).hex()}", "ping", None
        if isinstance(event, Pong):
            return f"pong {bytes(event.payload).hex()}", "pong", None
        if isinstance(event, CloseConnection):
            self.answer(event.response())
            return f"close {event.code} {event.reason or ''}", "close", None
        return f"{type(event).__name__}", "other", None

    def answer(self, event):
        """Sends an answer; one that is no longer due is dropped."""
        try:
            self.send(event)
        except (ProtocolError, OSError):
            pass

    def finish(self):
        """Says that no more comes, and reads what is left: an early close would take back what was sent."""
        try:
            self.stream.shutdown(socket.SHUT_WR)
            self.stream.settimeout(5)
            while self.stream.recv(1 << 16):
                pass
        except OSError:
            pass
        self.stream.close()
