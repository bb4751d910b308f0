"""What the Python peers share: the body that every peer makes, and lines of JSON."""

import hashlib
import json
import sys

PERIOD = 251


def body(length, start=0):
    """`length` bytes of the pattern that all peers use: byte number i is i modulo 251."""
    first = start % PERIOD
    return (bytes(range(PERIOD)) * ((length + first) // PERIOD + 1))[first : first + length]


def sha256(data):
    """The hash of some bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def cases():
    """The cases that come in, one a line."""
    for line in sys.stdin:
        if line.strip():
            yield json.loads(line)


def say(result):
    """Gives one result, as a line."""
    print(json.dumps(result), flush=True)


def latin(value):
    """A field's bytes as text, one character a byte."""
    return value if isinstance(value, str) else value.decode("latin-1")
