// What is no message closes the socket with 4400; sizes, fragments and letters.
import assert from "node:assert/strict";

import { withSocket } from "./socket.mjs";

const QUERY = "{ __typename }";
const subscribe = (changes = {}, payload = {}) => ({
  id: "1",
  type: "subscribe",
  payload: { query: QUERY, ...payload },
  ...changes,
});

const TEXTS = {
  "an empty text": "",
  "broken JSON": '{"type": "ping"',
  "two values": '{"type": "ping"}{"type": "ping"}',
  "JSON null": "null",
  "a number": "5",
  "a boolean": "true",
  "a string": '"ping"',
  "an array": '[{"type": "ping"}]',
  "100,000 brackets": "[".repeat(100_000),
};

const MESSAGES = {
  "no type": { id: "1" },
  "type null": { type: null },
  "type a number": { type: 1 },
  "an unknown type": { type: "start", id: "1", payload: { query: QUERY } },
  "connection_ack, which is the server's": { type: "connection_ack" },
  "next, which is the server's": { type: "next", id: "1", payload: {} },
  "error, which is the server's": { type: "error", id: "1", payload: [{ message: "x" }] },
  "ping: payload a string": { type: "ping", payload: "x" },
  "ping: payload an array": { type: "ping", payload: [] },
  "pong: payload a number": { type: "pong", payload: 5 },
  "subscribe: no id": subscribe({ id: undefined }),
  "subscribe: id null": subscribe({ id: null }),
  "subscribe: id empty": subscribe({ id: "" }),
  "subscribe: id a number": subscribe({ id: 1 }),
  "subscribe: id an object": subscribe({ id: {} }),
  "subscribe: no payload": subscribe({ payload: undefined }),
  "subscribe: payload null": subscribe({ payload: null }),
  "subscribe: payload a string": subscribe({ payload: QUERY }),
  "subscribe: payload an array": subscribe({ payload: [] }),
  "subscribe: no query": subscribe({}, { query: undefined }),
  "subscribe: query null": subscribe({}, { query: null }),
  "subscribe: query a number": subscribe({}, { query: 5 }),
  "subscribe: query an object": subscribe({}, { query: {} }),
  "subscribe: variables a string": subscribe({}, { variables: "{}" }),
  "subscribe: variables an array": subscribe({}, { variables: [] }),
  "subscribe: variables a number": subscribe({}, { variables: 0 }),
  "subscribe: operationName a number": subscribe({}, { operationName: 5 }),
  "subscribe: operationName an object": subscribe({}, { operationName: {} }),
  "subscribe: extensions a string": subscribe({}, { extensions: "x" }),
  "subscribe: extensions an array": subscribe({}, { extensions: [] }),
  "complete: no id": { type: "complete" },
  "complete: id empty": { type: "complete", id: "" },
  "complete: id a number": { type: "complete", id: 1 },
};

async function invalid(text, options = {}) {
  await withSocket(options, async (socket) => {
    socket.sendText(text);
    assert.notEqual(await socket.closed(4400), "", "a reason is missing");
  });
}

const named = (prefix, cases, work) =>
  Object.fromEntries(Object.entries(cases).map(([name, value]) => [`${prefix}: ${name}`, () => work(value)]));

async function tooLarge(send) {
  await withSocket({ options: { perMessageDeflate: false } }, async (socket) => {
    send(socket);
    await socket.closed(1009, 20);
  });
}

const LARGE = 1_048_577;

export const checks = {
  ...named("4400", TEXTS, (text) => invalid(text)),
  ...named("4400", MESSAGES, (message) => invalid(JSON.stringify(message))),
  "4400: connection_init: payload a string": () =>
    invalid(JSON.stringify({ type: "connection_init", payload: "x" }), { init: null }),
  "4400: connection_init: payload an array": () =>
    invalid(JSON.stringify({ type: "connection_init", payload: [] }), { init: null }),
  "4400: connection_init: payload a boolean": () =>
    invalid(JSON.stringify({ type: "connection_init", payload: false }), { init: null }),
  "4400: before connection_init too": () => invalid("{", { init: null }),
  "4400: a binary frame": () =>
    withSocket({}, async (socket) => {
      socket.sendText(Buffer.from(JSON.stringify({ type: "ping" })), { binary: true });
      await socket.closed(4400);
    }),
  "4400: what was sent behind it is not looked at": () =>
    withSocket({}, async (socket) => {
      socket.send({ type: "nothing" });
      socket.subscribe("1", QUERY);
      socket.send({ type: "ping" });
      await socket.closed(4400);
    }),
  "text that is not UTF-8 closes the socket": () =>
    withSocket({}, async (socket) => {
      socket.sendText(Buffer.from([0x22, 0xff, 0xfe, 0x22]), { binary: false });
      await socket.closed(1007);
    }),
  "properties that the protocol does not know are let pass": () =>
    withSocket({}, async (socket) => {
      socket.send({ ...subscribe({ since: 2020 }, { more: 1 }) });
      await socket.expect("next", "1");
      await socket.expect("complete", "1");
    }),
  "a message in three fragments is one": () =>
    withSocket({}, async (socket) => {
      const text = JSON.stringify(subscribe());
      socket.sendText(text.slice(0, 10), { fin: false });
      socket.sendText(text.slice(10, 20), { fin: false });
      socket.sendText(text.slice(20), { fin: true });
      assert.deepEqual((await socket.expect("next", "1")).data, { __typename: "Query" });
    }),
  "ids of any letters come back as they are": () =>
    withSocket({}, async (socket) => {
      for (const id of [" ", "0", "__proto__", "Ω≈ç√ 🎬", 'a"b\\c\n', "x".repeat(10_000)]) {
        socket.subscribe(id, QUERY);
        await socket.expect("next", id);
        await socket.expect("complete", id);
      }
    }),
  "size: nearly 1 MiB is answered": () =>
    withSocket({}, async (socket) => {
      const payload = { filler: "a".repeat(1_048_000) };
      socket.send({ type: "ping", payload });
      assert.deepEqual(await socket.receive(), { type: "pong", payload });
    }),
  "size: over 1 MiB is closed with 1009": () => tooLarge((socket) => socket.sendText("a".repeat(LARGE))),
  "size: over 1 MiB in fragments is closed with 1009": () =>
    tooLarge((socket) => {
      for (let part = 0; part < 12; part += 1) {
        socket.sendText("a".repeat(100_000), { fin: part === 11 });
      }
    }),
  "size: over 1 MiB once inflated is closed with 1009": () =>
    withSocket({ options: { perMessageDeflate: { threshold: 0 } } }, async (socket) => {
      socket.sendText("a".repeat(8 * LARGE), { compress: true });
      await socket.closed(1009);
    }),
  "size: 20 MiB are closed with 1009, and the reason arrives": () =>
    tooLarge((socket) => socket.sendText("a".repeat(20 * LARGE))),
};
