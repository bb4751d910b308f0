// The undici client of the pairwise suite: cases in, results out, a line of JSON each.
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { Agent } from "undici";
import { blocks, body, cases, pairs, say, sha256 } from "./common.js";

/** An agent of the protocol that the case wants; it keeps its connections. */
function agentFor({ protocol, ca }) {
  return new Agent({
    allowH2: protocol === "h2",
    connect: ca ? { ca: readFileSync(ca) } : {},
    pipelining: 1,
    bodyTimeout: 60000,
    headersTimeout: 60000,
  });
}

/** Node's list, or an object of names and values, as pairs. */
function fields(headers) {
  if (Array.isArray(headers)) return pairs(headers);
  return Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => [name.toLowerCase(), String(one)]));
}

/** One request, as undici's own dispatcher does it: nothing decoded, nothing followed. */
function answer(agent, { id, url, method, headers, body: length, chunked }) {
  let content = null;
  if (length !== null) content = chunked ? Readable.from(blocks(length)) : body(length);
  const { origin, pathname, search } = new URL(url);
  // The class URL would normalise the path.
  const path = url.slice(origin.length) || pathname + search;
  return new Promise((resolve) => {
    const data = [];
    let status, list;
    agent.dispatch(
      { origin, path, method, headers: headers.flat(), body: content },
      {
        onConnect() {},
        onHeaders(code, raw) {
          [status, list] = [code, raw];
          return true;
        },
        onData(block) {
          data.push(Buffer.from(block));
          return true;
        },
        onComplete() {
          const all = Buffer.concat(data);
          const text = all.length < 20000 ? all.toString("latin1") : "";
          resolve({ id, status, headers: fields(list), length: all.length, sha256: sha256(all), text });
        },
        onError(error) {
          resolve({ id, error: `${error.code ?? error.name}: ${error.message}` });
        },
      },
    );
  });
}

const agents = new Map();
for await (const one of cases()) {
  const key = `${one.protocol} ${one.ca}`;
  if (!agents.has(key)) agents.set(key, agentFor(one));
  say(await answer(agents.get(key), one));
}
for (const agent of agents.values()) agent.destroy();
