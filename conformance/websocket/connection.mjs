// The handshake, connection_init, ping and pong.
import assert from "node:assert/strict";

import { AUTHORIZATION, PROTOCOL, Socket, ask, withSocket, within } from "./socket.mjs";

const ME = "{ me { id } }";

// What ws says of a handshake that was answered, and not as it wants.
const REFUSAL = /Unexpected server response: 4\d\d|Server sent no subprotocol/;

/** Nothing is served: the handshake fails, or the socket is closed with 4406 whatever is sent. */
async function unserved(protocols) {
  const socket = new Socket(protocols);
  socket.ws.on("open", () => {
    socket.send({ type: "connection_init", payload: { authorization: AUTHORIZATION } });
    socket.send({ id: "1", type: "start", payload: { query: ME } });
    socket.subscribe("1", ME);
  });
  const { code, reason } = await within(socket.ended, "refusal");
  assert.ok(code === 4406 || (code === 0 && REFUSAL.test(reason)), `closed with ${code} ${reason}`);
}

async function acknowledged(message) {
  await withSocket({ init: null }, async (socket) => {
    socket.send({ type: "connection_init", ...message });
    assert.equal((await socket.receive()).type, "connection_ack");
    await socket.quiet();
  });
}

async function refused(init, options) {
  await withSocket({ init: null, options }, async (socket) => {
    socket.send({ type: "connection_init", ...init });
    await socket.closed(4403);
  });
}

async function pinged(init, message, answer) {
  await withSocket({ init }, async (socket) => {
    socket.send({ type: "ping", ...message });
    assert.deepEqual(await socket.receive(), { type: "pong", ...answer });
  });
}

async function signedIn({ init, options }) {
  const { me } = await ask(ME);
  await withSocket({ init, options }, async (socket) => {
    socket.subscribe("1", ME);
    assert.deepEqual((await socket.expect("next", "1")).data, { me });
  });
}

const LOAD = { payload: { sent: 1, deep: [{ a: null }] } };

export const checks = {
  "handshake: graphql-transport-ws is negotiated": () =>
    withSocket({}, (socket) => assert.equal(socket.ws.protocol, PROTOCOL)),
  "handshake: graphql-transport-ws is picked out of several": () =>
    withSocket({ protocols: ["graphql-ws", PROTOCOL] }, (socket) => assert.equal(socket.ws.protocol, PROTOCOL)),
  "handshake: the legacy graphql-ws is not served": () => unserved(["graphql-ws"]),
  "handshake: another subprotocol is not served": () => unserved(["soap"]),
  "handshake: no subprotocol is closed with 4406": () =>
    withSocket({ protocols: [], init: null }, (socket) => socket.closed(4406)),
  "handshake: a foreign page is refused": async () => {
    const socket = new Socket([PROTOCOL], { origin: "https://elsewhere.example" });
    assert.match((await within(socket.ended, "refusal")).reason, REFUSAL);
  },

  "connection_init: no payload": () => acknowledged({}),
  "connection_init: null payload": () => acknowledged({ payload: null }),
  "connection_init: empty payload": () => acknowledged({ payload: {} }),
  "connection_init: a payload of the client's own": () => acknowledged({ payload: { theme: { dark: true } } }),
  "connection_init: a token in the payload signs in": () => signedIn({ init: { authorization: AUTHORIZATION } }),
  "connection_init: a token in the header signs in": () =>
    signedIn({ init: {}, options: { headers: { authorization: AUTHORIZATION } } }),
  "connection_init: without a token nobody is signed in": () =>
    withSocket({ init: {} }, async (socket) => {
      socket.subscribe("1", ME);
      assert.deepEqual((await socket.expect("next", "1")).data, { me: null });
    }),
  "connection_init: an unknown token is closed with 4403": () =>
    refused({ payload: { authorization: "Bearer nonsense" } }),
  "connection_init: an unknown token in the header is closed with 4403": () =>
    refused({}, { headers: { authorization: "Bearer nonsense" } }),
  "connection_init: credentials that are no text are closed with 4403": () =>
    refused({ payload: { authorization: { token: 1 } } }),
  "connection_init: none within 10 s is closed with 4408": async () => {
    const began = performance.now();
    await withSocket({ init: null }, (socket) => socket.closed(4408, 15));
    const seconds = (performance.now() - began) / 1000;
    assert.ok(seconds > 9 && seconds < 13, `after ${seconds} s`);
  },
  "connection_init: pings do not stand for it (4408)": () =>
    withSocket({ init: null }, async (socket) => {
      await socket.quiet();
      await socket.closed(4408, 15);
    }),
  "connection_init: in time, the socket stays": () =>
    withSocket({}, async (socket) => {
      const over = new Promise((resolve) => setTimeout(resolve, 12_000));
      await Promise.race([over, socket.ended]);
      await socket.quiet();
    }),
  "connection_init: a second one is closed with 4429": () =>
    withSocket({}, async (socket) => {
      socket.send({ type: "connection_init" });
      await socket.closed(4429);
    }),
  "connection_init: a second one before the acknowledgement is closed with 4429": () =>
    withSocket({ init: null }, async (socket) => {
      const init = JSON.stringify({ type: "connection_init", payload: { authorization: AUTHORIZATION } });
      socket.sendText(init);
      socket.sendText(init);
      const { code } = await within(socket.ended, "close 4429");
      assert.equal(code, 4429);
    }),

  "ping: answered before connection_init": () => pinged(null, {}, {}),
  "ping: answered before connection_init with its payload": () => pinged(null, LOAD, LOAD),
  "ping: answered after connection_ack": () => pinged({}, {}, {}),
  "ping: answered with its payload": () => pinged({}, LOAD, LOAD),
  "ping: a null payload is allowed": () => pinged({}, { payload: null }, {}),
  "pong: unasked for, it is taken": () =>
    withSocket({}, async (socket) => {
      socket.send({ type: "pong" });
      await socket.quiet();
    }),
  "pong: with a payload, it is taken": () =>
    withSocket({}, async (socket) => {
      socket.send({ type: "pong", ...LOAD });
      await socket.quiet();
    }),
  "pong: before connection_init, it is taken": () =>
    withSocket({ init: null }, async (socket) => {
      socket.send({ type: "pong" });
      await socket.quiet();
    }),
  "keep-alive: a WebSocket ping is answered": () =>
    withSocket({}, async (socket) => {
      const pong = new Promise((resolve) => socket.ws.on("pong", resolve));
      socket.ws.ping("tide");
      assert.equal((await within(pong, "pong")).toString(), "tide");
    }),
  "keep-alive: the server sends WebSocket pings": () =>
    withSocket({}, (socket) => within(new Promise((resolve) => socket.ws.on("ping", resolve)), "ping", 40)),
};
