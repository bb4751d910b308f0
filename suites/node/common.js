// What the Node peers share: the body that every peer makes, and lines of JSON.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

const PERIOD = 251;
const BLOCK = 64 * 1024;

/** `length` bytes of the pattern that all peers use: byte number i is i modulo 251. */
export function body(length, start = 0) {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = (start + i) % PERIOD;
  return bytes;
}

/** The pattern in blocks. */
export function* blocks(length) {
  for (let start = 0; start < length; start += BLOCK) yield body(Math.min(BLOCK, length - start), start);
}

/** The hash of some bytes, in hexadecimal. */
export function sha256(data) {
  return createHash("sha256").update(data).digest("hex");
}

/** The cases that come in, one a line. */
export async function* cases() {
  for await (const line of createInterface({ input: process.stdin })) if (line.trim()) yield JSON.parse(line);
}

/** Gives one result, as a line. */
export function say(result) {
  process.stdout.write(JSON.stringify(result) + "\n");
}

/** Node's flat list of names and values as pairs, names in lower case. */
export function pairs(raw) {
  const list = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    list.push([raw[i].toString("latin1").toLowerCase(), raw[i + 1].toString("latin1")]);
  }
  return list;
}
