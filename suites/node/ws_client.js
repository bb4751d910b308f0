// A `ws` client: cases in, transcripts out, a line of JSON each.
import WebSocket from "ws";
import { cases, say } from "./common.js";
import { Side, message } from "./ws_common.js";

const pause = () => new Promise((go) => setTimeout(go, 0));

/** Makes every write of a connection leave in pieces. */
function cut(stream, size) {
  const write = stream.write.bind(stream);
  stream.setNoDelay(true);
  let last = Promise.resolve();
  stream.write = (data, encoding, done) => {
    const bytes = Buffer.from(data, typeof encoding === "string" ? encoding : undefined);
    const callback = [encoding, done].find((one) => typeof one === "function");
    last = last.then(async () => {
      for (let start = 0; start < bytes.length; start += size) {
        await new Promise((go) => write(bytes.subarray(start, start + size), go));
        await pause();
      }
      callback?.();
    });
    return true;
  };
  const end = stream.end.bind(stream);
  stream.end = (...words) => void last.then(() => end(...words));
}

async function act(one) {
  const headers = {};
  let protocols = [];
  for (const [name, value] of one.headers) {
    if (name.toLowerCase() === "sec-websocket-protocol") protocols = value.split(",").map((word) => word.trim());
    else headers[name] = value;
  }
  const socket = new WebSocket(`ws://${one.address}${one.path}`, protocols, {
    headers,
    perMessageDeflate: one.deflate ? { threshold: 0 } : false,
    maxPayload: 0,
  });
  const side = new Side(socket);
  const opened = await new Promise((go) => {
    socket.on("open", () => go(true));
    socket.on("close", () => go(false));
  });
  if (opened) {
    if (socket.protocol) side.events.push(`chosen ${socket.protocol}`);
    if (socket.extensions) side.events.push(`extensions ${socket.extensions}`);
    side.seen = side.events.length;
    if (one.split) cut(socket._socket, one.split);
    for (const step of one.steps) await take(step, socket, side);
  }
  const limit = setTimeout(() => socket.terminate(), 60000);
  await side.ended;
  clearTimeout(limit);
  return side.events;
}

async function take(step, socket, side) {
  if (socket.readyState !== WebSocket.OPEN && step.op !== "wait") return;
  switch (step.op) {
    case "text":
    case "binary":
      return message(socket, step.op === "text", step.size, step.frames);
    case "say":
      return socket.send(step.text);
    case "ping":
      return socket.ping(step.text);
    case "raw":
      return void socket._socket.write(Buffer.from(step.hex, "hex"));
    case "wait":
      return side.wait(step.events);
    case "close":
      return step.code ? socket.close(step.code, step.reason) : socket.close();
  }
}

for await (const one of cases()) {
  try {
    say({ id: one.id, events: await act(one) });
  } catch (error) {
    say({ id: one.id, events: [`failed ${error.message}`] });
  }
}
