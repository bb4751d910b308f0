// A Node server that answers as every server of the pairwise suite does. Words: ADDRESS [CERTIFICATE KEY].
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { pipeline, Readable } from "node:stream";
import { blocks, pairs } from "./common.js";

// Node's HTTPS server fails with HPE_PAUSED when a request comes before it has noticed that the last reply has left, if
// that reply filled the socket's buffer (seen without a gateway, too). So a connection ends with a reply of that size.
const LAST = 10000;

const FIELDS = { "x-server": "node", "content-type": "application/octet-stream" };

function report(request, response) {
  const digest = createHash("sha256");
  let length = 0;
  request.on("data", (block) => {
    digest.update(block);
    length += block.length;
  });
  request.on("end", () => {
    const seen = {
      method: request.method,
      target: request.url,
      headers: pairs(request.rawHeaders),
      length,
      sha256: digest.digest("hex"),
    };
    response.writeHead(200, { "x-server": "node", "content-type": "application/json" });
    response.end(JSON.stringify(seen));
  });
}

function send(request, response, length) {
  if (request.method === "HEAD") response.end();
  else pipeline(Readable.from(blocks(length)), response, () => {});
}

function answer(request, response) {
  const size = Number(request.url.split("/")[2] ?? request.headers["content-length"] ?? LAST);
  if (request.socket.encrypted && size >= LAST) response.shouldKeepAlive = false;
  const [, first, second] = request.url.split(/[/?]/);
  switch (first) {
    case "bytes":
      response.writeHead(200, { ...FIELDS, "content-length": second });
      return send(request, response, Number(second));
    case "chunked":
      response.writeHead(200, FIELDS);
      return send(request, response, Number(second));
    case "echo": {
      const length = request.headers["content-length"];
      const data = [];
      request.on("data", (block) => data.push(block));
      // Once it is whole: not every client reads while it sends.
      request.on("end", () => {
        response.writeHead(200, length === undefined ? FIELDS : { ...FIELDS, "content-length": length });
        response.end(Buffer.concat(data));
      });
      return;
    }
    case "status":
      response.writeHead(Number(second), { "x-server": "node" });
      return response.end(["204", "304"].includes(second) ? undefined : `status ${second}\n`);
    case "fields":
      response.writeHead(200, [
        ...["x-server", "node", "x-empty", "", "x-long", "l".repeat(4000)],
        ...["x-multi", "a", "x-multi", "b, c", "set-cookie", "a=1; Path=/", "set-cookie", "b=2"],
      ]);
      return response.end("fields\n");
    default:
      return report(request, response);
  }
}

const [address, certificate, key] = process.argv.slice(2);
const [, host, port] = address.match(/^(.*):(\d+)$/);
const options = { keepAliveTimeout: 60000, requestTimeout: 0 };
const server = certificate
  ? https.createServer({ ...options, cert: readFileSync(certificate), key: readFileSync(key) }, answer)
  : http.createServer(options, answer);
server.listen(Number(port), host);
