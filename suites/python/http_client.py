"""The httpx client of the pairwise suite: cases in, results out, a line of JSON each."""

import ssl

import httpx

from common import body, cases, latin, say, sha256

BLOCK = 64 * 1024


def blocks(length):
    """The pattern in blocks: httpx sends it without a length."""
    for start in range(0, length, BLOCK):
        yield body(min(BLOCK, length - start), start)


def client_for(case):
    """A client of the protocol that the case wants; it keeps its connections."""
    context = ssl.create_default_context(cafile=case["ca"]) if case["ca"] else True
    old = case["protocol"] == "h1"
    return httpx.Client(http1=old, http2=not old, verify=context, timeout=60, trust_env=False)


def answer(client, case):
    """One request and what came of it."""
    content, headers = None, case["headers"]
    if case["body"] is not None:
        # In blocks also with a length: httpx copies the rest of a block for every frame of HTTP/2.
        content = blocks(case["body"])
        if not case["chunked"]:
            headers = [*headers, ["Content-Length", str(case["body"])]]
    request = client.build_request(case["method"], case["url"], headers=headers, content=content)
    response = client.send(request, stream=True)
    data = b"".join(response.iter_raw())
    headers = [[latin(name).lower(), latin(value)] for name, value in response.headers.raw]
    return {"id": case["id"], "status": response.status_code, "version": response.http_version,
            "headers": headers, "length": len(data), "sha256": sha256(data),
            "text": latin(data) if len(data) < 20000 else ""}


def main():
    """Answers every case."""
    clients = {}
    for case in cases():
        key = (case["protocol"], case["ca"])
        try:
            if key not in clients:
                clients[key] = client_for(case)
            say(answer(clients[key], case))
        except Exception as error:  # Whatever it is, it is the result of this case.
            say({"id": case["id"], "error": f"{type(error).__name__}: {error}"})


main()
