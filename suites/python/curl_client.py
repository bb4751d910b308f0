"""curl as a client of the pairwise suite: one call a case, which reuses no connection."""

import subprocess
import sys
import tempfile
from pathlib import Path

from common import body, cases, latin, say, sha256

PROTOCOL = {"h1": "--http1.1", "h2": "--http2", "h2c": "--http2-prior-knowledge"}


def answer(case, folder):
    """One call of curl and what came of it."""
    head, data, upload = folder / "head", folder / "body", folder / "upload"
    for file in (head, data):
        file.write_bytes(b"")
    words = [sys.argv[1], "--silent", "--show-error", "--max-time", "60", "--path-as-is", PROTOCOL[case["protocol"]]]
    words += ["--dump-header", head, "--output", data]
    if case["ca"]:
        words += ["--cacert", case["ca"]]
    if case["method"] == "HEAD":
        words += ["--head"]
    else:
        words += ["--request", case["method"]]
    for name, value in case["headers"]:
        # A field without a value is written so.
        words += ["--header", f"{name}: {value}" if value else f"{name};"]
    if case["body"] is not None:
        upload.write_bytes(body(case["body"]))
        if case["chunked"]:
            # From a pipe, curl does not know the length.
            words += ["--upload-file", "-"]
            if case["protocol"] == "h1":
                words += ["--header", "Transfer-Encoding: chunked"]
        else:
            words += ["--data-binary", f"@{upload}", "--header", "Content-Type: application/octet-stream"]
    with open(upload if upload.exists() else "/dev/null", "rb") as source:
        done = subprocess.run([*words, case["url"]], stdin=source, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        return {"id": case["id"], "error": f"curl ends with {done.returncode}: {latin(done.stderr).strip()}"}
    # The last block: before it may stand a 100 Continue.
    lines = [block for block in latin(head.read_bytes()).split("\r\n\r\n") if block][-1].split("\r\n")
    version, status = lines[0].split(" ")[:2]
    fields = [line.split(":", 1) for line in lines[1:] if ":" in line]
    content = b"" if case["method"] == "HEAD" else data.read_bytes()
    return {"id": case["id"], "status": int(status), "version": version,
            "headers": [[name.lower(), value.strip()] for name, value in fields],
            "length": len(content), "sha256": sha256(content),
            "text": latin(content) if len(content) < 20000 else ""}


def main():
    """Answers every case. The only word is curl's program."""
    with tempfile.TemporaryDirectory() as folder:
        for case in cases():
            upload = Path(folder) / "upload"
            upload.unlink(missing_ok=True)
            say(answer(case, Path(folder)))


main()
