// What both `ws` sides share: noting events, sending messages in frames.
import { body, sha256 } from "./common.js";

/** Notes what a socket sees; resolves `ended` when the connection is over. */
export class Side {
  constructor(socket) {
    this.events = [];
    this.waiters = [];
    this.seen = 0;
    this.ended = new Promise((resolve) => {
      const note = (event) => this.note(event);
      socket.on("message", (data, binary) => note(`${binary ? "binary" : "text"} ${data.length} ${sha256(data)}`));
      socket.on("ping", (data) => note(`ping ${data.toString("hex")}`));
      socket.on("pong", (data) => note(`pong ${data.toString("hex")}`));
      socket.on("error", (error) => note(`error ${error.code ?? error.message}`));
      socket.on("close", (code, reason) => {
        note(`close ${code} ${reason}`);
        this.over = true;
        for (const waiter of this.waiters.splice(0)) waiter();
        resolve();
      });
    });
  }

  note(event) {
    this.events.push(event);
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  /** Waits until so many more events were seen, or the end. */
  async wait(count) {
    this.seen += count;
    while (this.events.length < this.seen && !this.over) await new Promise((go) => this.waiters.push(go));
  }
}

/** `size` letters, the text that all peers use. */
export function letters(size) {
  return "abcdefghijklmnopqrstuvwxyz".repeat(Math.floor(size / 26) + 1).slice(0, size);
}

/** Sends one message of the pattern in so many frames. */
export function message(socket, text, size, frames) {
  const data = text ? letters(size) : body(size);
  const share = Math.max(1, Math.ceil(size / Math.max(1, frames)));
  for (let number = 0; number < frames; number++) {
    const part = data.slice(number * share, (number + 1) * share);
    socket.send(part, { binary: !text, fin: number + 1 === frames });
  }
}
