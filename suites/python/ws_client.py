"""A wsproto client: cases in, transcripts out, a line of JSON each."""

import socket

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, RejectConnection, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from common import cases, say
from ws_common import Side


def act(case, side):
    """Takes the steps of a case."""
    fields = [(name.encode(), value.encode()) for name, value in case["headers"]]
    offered = [value for name, value in case["headers"] if name.lower() == "sec-websocket-protocol"]
    fields = [field for field in fields if field[0].lower() != b"sec-websocket-protocol"]
    names = [name.strip() for value in offered for name in value.split(",")]
    extensions = [PerMessageDeflate()] if case["deflate"] else []
    side.send(Request(host=case["address"], target=case["path"], subprotocols=names, extensions=extensions,
                      extra_headers=fields))
    while not side.queue and not side.over:
        side.fill()
    if side.over:
        return
    first = side.queue.pop(0)
    if isinstance(first, RejectConnection):
        side.end(f"rejected {first.status_code}")
        return
    assert isinstance(first, AcceptConnection), first
    if first.subprotocol:
        side.events.append(f"chosen {first.subprotocol}")
    if first.extensions:
        side.events.append(f"extensions {len(first.extensions)}")
    # Only now: tungstenite's server takes a handshake in many pieces for an attack.
    side.split = case["split"]
    for step in case["steps"]:
        take(step, side)
    while side.next():
        pass


def take(step, side):
    """Takes one step."""
    match step["op"]:
        case "text":
            side.message(True, step["size"], step["frames"])
        case "binary":
            side.message(False, step["size"], step["frames"])
        case "say":
            side.send(TextMessage(data=step["text"]))
        case "ping":
            side.send(Ping(payload=step["text"].encode()))
        case "raw":
            side.write(bytes.fromhex(step["hex"]))
        case "wait":
            for _ in range(step["events"]):
                if side.next() is None:
                    return
        case "close":
            side.send(CloseConnection(code=step["code"] or None, reason=step["reason"] or None))


def main():
    """Answers every case."""
    for case in cases():
        host, port = case["address"].rsplit(":", 1)
        stream = socket.create_connection((host, int(port)), timeout=60)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        side = Side(WSConnection(ConnectionType.CLIENT), stream)
        try:
            act(case, side)
        except Exception as error:  # Whatever it is, it is the result of this case.
            side.events.append(f"failed {type(error).__name__}: {error}")
        side.finish()
        say({"id": case["id"], "events": side.events})


main()
