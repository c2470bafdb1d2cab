// A client of graphql-transport-ws by hand: it says what it is told to, right or wrong, and hears frame by frame.
import assert from "node:assert/strict";

import { WebSocket } from "ws";

export const PROTOCOL = "graphql-transport-ws";
const { API_URL, API_TOKEN } = process.env;
export const HTTP_URL = API_URL;
export const WS_URL = API_URL.replace(/^http/, "ws");
export const AUTHORIZATION = `Bearer ${API_TOKEN}`;
const SECONDS = 10;

/** The promise's value, or a failure that says what did not come. */
export function within(promise, what, seconds = SECONDS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Socket {
  #frames = [];
  #waiting = [];

  constructor(protocols = [PROTOCOL], options = {}) {
    this.ws = new WebSocket(WS_URL, protocols, options);
    this.ws.on("message", (data, isBinary) => {
      assert.equal(isBinary, false, "the server sent a binary frame");
      const frame = JSON.parse(data.toString());
      const next = this.#waiting.shift();
      next ? next(frame) : this.#frames.push(frame);
    });
    this.ended = new Promise((resolve) => {
      this.ws.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
      this.ws.on("error", (error) => resolve({ code: 0, reason: error.message }));
    });
    this.opened = new Promise((resolve) => this.ws.on("open", resolve));
  }

  /** An open socket; with `init`, one that is acknowledged. */
  static async open({ protocols, options, init = { authorization: AUTHORIZATION } } = {}) {
    const socket = new Socket(protocols, options);
    await within(Promise.race([socket.opened, socket.#refusal("handshake")]), "handshake");
    if (init) {
      await socket.initialise(init);
    }
    return socket;
  }

  async #refusal(what) {
    const { code, reason } = await this.ended;
    throw new Error(`closed with ${code} ${reason} instead of ${what}`);
  }

  async initialise(payload) {
    this.send({ type: "connection_init", payload });
    assert.deepEqual(await this.receive(), { type: "connection_ack" });
  }

  send(message) {
    this.sendText(JSON.stringify(message));
  }

  sendText(text, options) {
    this.ws.send(text, options);
  }

  subscribe(id, query, more = {}) {
    this.send({ id, type: "subscribe", payload: { query, ...more } });
  }

  complete(id) {
    this.send({ id, type: "complete" });
  }

  /** The next message. */
  async receive(what = "message", seconds = SECONDS) {
    if (this.#frames.length > 0) {
      return this.#frames.shift();
    }
    const next = new Promise((resolve) => this.#waiting.push(resolve));
    return within(Promise.race([next, this.#refusal(what)]), what, seconds);
  }

  /** The next message, which has to be of this type and operation; answers its payload. */
  async expect(type, id) {
    const frame = await this.receive(type);
    assert.equal(frame.type, type, JSON.stringify(frame));
    assert.equal(frame.id, id);
    return frame.payload;
  }

  /** Code and reason that the server closes with, after nothing else. */
  async closed(code, seconds = SECONDS) {
    const end = await within(this.ended, `close ${code}`, seconds);
    assert.equal(end.code, code, `closed with ${end.code} ${end.reason}`);
    assert.equal(this.#frames.length, 0, `before it closed came ${JSON.stringify(this.#frames)}`);
    assert.ok(Buffer.byteLength(end.reason) <= 123);
    return end.reason;
  }

  /** Nothing but the answer to a ping comes: the socket is open and everything else has been said. */
  async quiet() {
    this.send({ type: "ping", payload: { quiet: true } });
    assert.deepEqual(await this.receive(), { type: "pong", payload: { quiet: true } });
  }

  close() {
    this.ws.terminate();
  }
}

/** Run with an open socket, which is gone afterwards. */
export async function withSocket(options, work) {
  const socket = await Socket.open(options);
  try {
    return await work(socket);
  } finally {
    socket.close();
  }
}

/** Run a document over HTTP and answer its data. */
export async function ask(query, variables = {}) {
  const response = await fetch(HTTP_URL, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: AUTHORIZATION },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}
