"""A wsproto server that sends every message back, does what messages with `!` ask for, and prints what it saw.

Words: ADDRESS.
"""

import socketserver
import sys

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from common import say
from ws_common import Side


class Handler(socketserver.BaseRequestHandler):
    """One connection."""

    def handle(self):
        """Serves it until it is over."""
        self.request.settimeout(60)
        side = Side(WSConnection(ConnectionType.SERVER), self.request)
        while not side.queue and not side.over:
            side.fill()
        if side.over:
            return
        request = side.queue.pop(0)
        assert isinstance(request, Request), request
        name = request.target.lstrip("/")
        if request.subprotocols:
            side.events.append(f"offered {', '.join(request.subprotocols)}")
        side.send(AcceptConnection(subprotocol=next(iter(request.subprotocols), None),
                                   extensions=[PerMessageDeflate()] if request.extensions else []))
        while (note := side.next()) is not None:
            _, kind, data = note
            try:
                react(side, kind, data)
            except Exception as error:  # Whatever it is, it is part of what was seen.
                side.events.append(f"failed {type(error).__name__}: {error}")
                break
            if kind == "close":
                break
        side.finish()
        say({"id": name, "events": side.events})


def react(side, kind, data):
    """Sends a message back, or does what it asks for."""
    if kind == "binary":
        side.send(BytesMessage(data=data))
    elif kind == "text" and data.startswith("!"):
        verb, first, second = (data.split(" ", 2) + ["", ""])[:3]
        if verb == "!close":
            side.send(CloseConnection(code=int(first) or None, reason=second or None))
        elif verb == "!ping":
            side.send(Ping(payload=first.encode()))
        elif verb == "!text":
            side.message(True, int(first), int(second))
        elif verb == "!raw":
            side.write(bytes.fromhex(first))
    elif kind == "text":
        side.send(TextMessage(data=data))


class Server(socketserver.ThreadingTCPServer):
    """A thread a connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


HOST, PORT = sys.argv[1].rsplit(":", 1)
Server((HOST, int(PORT)), Handler).serve_forever()
