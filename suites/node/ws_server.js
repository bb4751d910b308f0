// A `ws` server that sends every message back, does what messages with `!` ask for, and prints what it saw.
// Words: ADDRESS.
import { WebSocketServer } from "ws";
import { say } from "./common.js";
import { Side, message } from "./ws_common.js";

const [, host, port] = process.argv[2].match(/^(.*):(\d+)$/);
const server = new WebSocketServer({
  host,
  port: Number(port),
  maxPayload: 0,
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (names) => [...names][0],
});
server.on("connection", (socket, request) => {
  const side = new Side(socket);
  const offered = request.headers["sec-websocket-protocol"];
  if (offered) side.events.push(`offered ${offered}`);
  socket.on("message", (data, binary) => {
    const text = binary ? "" : data.toString();
    if (!text.startsWith("!")) return socket.send(data, { binary });
    const [verb, first, ...rest] = text.split(" ");
    if (verb === "!close") Number(first) ? socket.close(Number(first), rest.join(" ")) : socket.close();
    if (verb === "!ping") socket.ping(first);
    if (verb === "!text") message(socket, true, Number(first), Number(rest[0]));
    if (verb === "!raw") socket._socket.write(Buffer.from(first, "hex"));
  });
  side.ended.then(() => say({ id: request.url.slice(1), events: side.events }));
});
