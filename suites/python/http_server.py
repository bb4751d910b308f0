"""An aiohttp server that answers as every server of the pairwise suite does. Words: ADDRESS [CERTIFICATE KEY]."""

import hashlib
import json
import ssl
import sys

from aiohttp import web

from common import body

BLOCK = 64 * 1024
NAME = "aiohttp"


async def sent(response, request, length):
    """Sends the pattern in blocks."""
    await response.prepare(request)
    if request.method != "HEAD":
        for start in range(0, length, BLOCK):
            await response.write(body(min(BLOCK, length - start), start))
    await response.write_eof()
    return response


def head(status=200, **more):
    """A response whose body is sent in blocks."""
    fields = {"x-server": NAME, "content-type": "application/octet-stream", **more}
    return web.StreamResponse(status=status, headers=fields)


async def with_length(request):
    """So many bytes, the number told."""
    length = int(request.match_info["length"])
    return await sent(head(**{"content-length": str(length)}), request, length)


async def chunked(request):
    """So many bytes, the number not told."""
    response = head()
    response.enable_chunked_encoding()
    return await sent(response, request, int(request.match_info["length"]))


async def echo(request):
    """The request's body, once it is whole: not every client reads while it sends."""
    data = await request.read()
    length = request.headers.get("content-length")
    response = head(**({"content-length": length} if length is not None else {}))
    if length is None:
        response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(data)
    await response.write_eof()
    return response


async def report(request):
    """What was received, as JSON."""
    digest, length = hashlib.sha256(), 0
    async for block in request.content.iter_any():
        digest.update(block)
        length += len(block)
    seen = {
        "method": request.method,
        "target": request.raw_path,
        "headers": [[name.decode("latin-1").lower(), value.decode("latin-1")] for name, value in request.raw_headers],
        "length": length,
        "sha256": digest.hexdigest(),
    }
    text = json.dumps(seen)
    return web.Response(text=text, content_type="application/json", headers={"x-server": NAME})


async def status(request):
    """A status and a short body where it may have one."""
    code = int(request.match_info["code"])
    text = None if code in (204, 304) else f"status {code}\n"
    return web.Response(status=code, text=text, headers={"x-server": NAME})


async def fields(_request):
    """Fields that are easily lost or merged."""
    response = web.Response(text="fields\n", headers={"x-server": NAME, "x-empty": "", "x-long": "l" * 4000})
    for name, value in [("x-multi", "a"), ("x-multi", "b, c"), ("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2")]:
        response.headers.add(name, value)
    return response


def main():
    """Serves until it is ended."""
    address, port = sys.argv[1].rsplit(":", 1)
    context = None
    if len(sys.argv) > 2:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
    server = web.Application(client_max_size=1 << 31)
    server.router.add_route("*", "/bytes/{length}", with_length)
    server.router.add_route("*", "/chunked/{length}", chunked)
    server.router.add_route("*", "/echo", echo)
    server.router.add_route("*", "/status/{code}", status)
    server.router.add_route("*", "/fields", fields)
    server.router.add_route("*", "/{rest:report.*}", report)
    web.run_app(server, host=address, port=int(port), ssl_context=context, print=None, access_log=None)


main()
