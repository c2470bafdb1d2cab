// Queries, mutations and subscriptions: next, error, complete, and what is left of them.
import assert from "node:assert/strict";

import { createClient } from "graphql-ws";
import { WebSocket } from "ws";

import { AUTHORIZATION, Socket, WS_URL, ask, withSocket, within } from "./socket.mjs";

const QUERY = "{ __typename }";
const EVENTS = `subscription Events($session: ID!, $after: Int) {
  sessionEvents(sessionId: $session, after: $after) { seq ... on SessionUpdatedEvent { session { title } } } }`;
const RENAME = `mutation Rename($session: ID!, $title: String!) {
  updateSession(input: {id: $session, title: $title}) { session { title lastEventSeq } errors { code } } }`;

/** A new session, and its last event. */
async function session() {
  const { projects } = await ask("{ projects(first: 1) { edges { node { id } } } }");
  let project = projects.edges[0]?.node.id;
  if (!project) {
    const made = await ask(`mutation { createProject(input: {title: "Conformance", genre: DRAMA}) { project { id } } }`);
    project = made.createProject.project.id;
  }
  const { startSession } = await ask(
    `mutation ($project: ID!) { startSession(input: {projectId: $project}) {
      session { id lastEventSeq } errors { message } } }`,
    { project },
  );
  assert.deepEqual(startSession.errors, []);
  return startSession.session;
}

const rename = async (id, title) => (await ask(RENAME, { session: id, title })).updateSession.session.lastEventSeq;

/** A socket that follows a session of its own: nothing comes until the session is renamed. */
async function following(work) {
  const { id, lastEventSeq } = await session();
  await withSocket({}, async (socket) => {
    const follow = (operation) =>
      socket.subscribe(operation, EVENTS, { variables: { session: id, after: lastEventSeq }, operationName: "Events" });
    follow("1");
    await work(socket, id, follow);
  });
}

/** The operation is answered with errors alone, and the socket stays and takes the id again. */
async function errs(payload, code) {
  await withSocket({}, async (socket) => {
    socket.send({ id: "1", type: "subscribe", payload });
    const errors = await socket.expect("error", "1");
    assert.ok(Array.isArray(errors) && errors.length > 0);
    for (const error of errors) {
      assert.equal(typeof error.message, "string");
      assert.equal(error.extensions.code, code);
    }
    await socket.quiet();
    socket.subscribe("1", QUERY);
    await socket.expect("next", "1");
    await socket.expect("complete", "1");
  });
}

async function answered(payload, data) {
  await withSocket({}, async (socket) => {
    socket.send({ id: "1", type: "subscribe", payload });
    const result = await socket.expect("next", "1");
    assert.deepEqual(result.data, data);
    assert.equal(result.errors, undefined);
    await socket.expect("complete", "1");
    await socket.quiet();
  });
}

async function unauthorized(query) {
  await withSocket({ init: null }, async (socket) => {
    socket.subscribe("1", query);
    await socket.closed(4401);
  });
}

const client = (options = {}) =>
  createClient({
    url: WS_URL,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: AUTHORIZATION },
    retryAttempts: 0,
    ...options,
  });

/** All results of an operation of graphql-ws's own client. */
async function results(request, options) {
  const connection = client(options);
  const found = [];
  try {
    for await (const result of connection.iterate(request)) {
      found.push(result);
    }
  } finally {
    await connection.dispose();
  }
  return found;
}

const INTROSPECTION = { query: "query A { __typename } query B { b: __typename }" };
const TYPENAME = { __typename: "Query" };

export const checks = {
  "4401: a query before connection_init": () => unauthorized(QUERY),
  "4401: a mutation before connection_init": () => unauthorized("mutation { __typename }"),
  "4401: a subscription before connection_init": () =>
    unauthorized('subscription { sessionEvents(sessionId: "x") { seq } }'),

  "query: next, then complete": () => answered({ query: QUERY }, TYPENAME),
  "query: null for what may be left out": () =>
    answered({ query: QUERY, variables: null, operationName: null, extensions: null }, TYPENAME),
  "query: extensions of the client's own": () => answered({ query: QUERY, extensions: { trace: "1" } }, TYPENAME),
  "query: operationName picks the operation": () =>
    answered({ ...INTROSPECTION, operationName: "B" }, { b: "Query" }),
  "query: variables": () =>
    answered(
      { query: "query ($no: Boolean!) { __typename b: __typename @skip(if: $no) }", variables: { no: true } },
      TYPENAME,
    ),
  "mutation: next, then complete": () => answered({ query: "mutation { __typename }" }, { __typename: "Mutation" }),
  "mutation: a refusal in the payload is a result": async () => {
    await withSocket({}, async (socket) => {
      socket.subscribe("1", RENAME, { variables: { session: "x", title: "x" } });
      const { data } = await socket.expect("next", "1");
      assert.equal(data.updateSession.errors[0].code, "NOT_FOUND");
      await socket.expect("complete", "1");
    });
  },
  "query: an error of a field is in next": () =>
    withSocket({ init: {} }, async (socket) => {
      socket.subscribe("1", "{ __typename projects { edges { cursor } } }");
      const { errors } = await socket.expect("next", "1");
      assert.deepEqual(errors[0].path, ["projects"]);
      await socket.expect("complete", "1");
    }),
  "query: twenty at once, each with its own answer": () =>
    withSocket({}, async (socket) => {
      const told = new Map();
      for (let number = 0; number < 20; number += 1) {
        socket.subscribe(`q${number}`, `{ a${number}: __typename }`);
      }
      for (let frames = 0; frames < 40; frames += 1) {
        const { id, type, payload } = await socket.receive();
        told.set(id, [...(told.get(id) ?? []), type === "next" ? Object.keys(payload.data)[0] : type]);
      }
      for (let number = 0; number < 20; number += 1) {
        assert.deepEqual(told.get(`q${number}`), [`a${number}`, "complete"]);
      }
    }),

  "error: a syntax error": () => errs({ query: "{ __typename" }, "INVALID"),
  "error: a validation error": () => errs({ query: "{ nothingOfTheKind }" }, "INVALID"),
  "error: an empty query": () => errs({ query: "" }, "INVALID"),
  "error: an unknown operation name": () => errs({ ...INTROSPECTION, operationName: "C" }, "INVALID"),
  "error: several operations and no name": () => errs(INTROSPECTION, "INVALID"),
  "error: no operation in the document": () => errs({ query: "fragment A on Query { __typename }" }, "INVALID"),
  "error: a subscription without its variable": () => errs({ query: EVENTS }, "INVALID"),
  "error: a subscription to what is not there": () =>
    errs({ query: EVENTS, variables: { session: "U2Vzc2lvbjow" } }, "NOT_FOUND"),
  "error: a subscription of two fields": () =>
    errs(
      { query: 'subscription { a: sessionEvents(sessionId: "x") { seq } b: sessionEvents(sessionId: "x") { seq } }' },
      "INVALID",
    ),
  "error: others on the socket go on": () =>
    following(async (socket, id) => {
      socket.subscribe("2", "{ nothingOfTheKind }");
      await socket.expect("error", "2");
      await rename(id, "Still here");
      assert.equal((await socket.expect("next", "1")).data.sessionEvents.session.title, "Still here");
    }),

  "subscription: live events arrive in order": () =>
    following(async (socket, id) => {
      const titles = Array.from({ length: 5 }, (_, number) => `Title ${number}`);
      const seqs = [];
      for (const title of titles) {
        seqs.push(await rename(id, title));
      }
      for (const seq of seqs) {
        assert.equal((await socket.expect("next", "1")).data.sessionEvents.seq, seq);
      }
      await socket.quiet();
    }),
  "subscription: stored events arrive in order": async () => {
    const { id, lastEventSeq } = await session();
    const seqs = [];
    for (let number = 0; number < 5; number += 1) {
      seqs.push(await rename(id, `Stored ${number}`));
    }
    await withSocket({}, async (socket) => {
      socket.subscribe("1", EVENTS, { variables: { session: id, after: lastEventSeq } });
      for (const seq of seqs) {
        assert.equal((await socket.expect("next", "1")).data.sessionEvents.seq, seq);
      }
    });
  },
  "subscription: two on one socket, and pings between": () =>
    following(async (socket, id, follow) => {
      follow("2");
      await socket.quiet();
      await rename(id, "For both");
      const first = await socket.receive();
      const second = await socket.receive();
      assert.deepEqual([first.id, second.id].sort(), ["1", "2"]);
      assert.deepEqual(first.payload.data, second.payload.data);
      await socket.quiet();
    }),
  "subscription: a mutation on the same socket": () =>
    following(async (socket, id) => {
      socket.subscribe("2", RENAME, { variables: { session: id, title: "From inside" } });
      const told = [await socket.receive(), await socket.receive(), await socket.receive()];
      assert.deepEqual(told.map((frame) => `${frame.id} ${frame.type}`).sort(), ["1 next", "2 complete", "2 next"]);
    }),

  "complete: nothing follows the client's": () =>
    following(async (socket, id) => {
      socket.complete("1");
      await rename(id, "Unheard");
      await socket.quiet();
      await rename(id, "Unheard too");
      await socket.quiet();
    }),
  "complete: the other subscription goes on": () =>
    following(async (socket, id, follow) => {
      follow("2");
      socket.complete("1");
      await rename(id, "For the second");
      await socket.expect("next", "2");
      await socket.quiet();
    }),
  "complete: of a query that is not answered yet": () =>
    withSocket({}, async (socket) => {
      socket.subscribe("1", "{ projects(first: 50) { edges { node { id title } } } }");
      socket.complete("1");
      await socket.quiet();
      await socket.quiet();
    }),
  "complete: of what has been completed is let pass": () =>
    withSocket({}, async (socket) => {
      socket.subscribe("1", QUERY);
      await socket.expect("next", "1");
      await socket.expect("complete", "1");
      socket.complete("1");
      await socket.quiet();
    }),
  "complete: of what never was is let pass": () =>
    withSocket({}, async (socket) => {
      socket.complete("never");
      await socket.quiet();
    }),
  "complete: the id is free after the client's": () =>
    following(async (socket, id, follow) => {
      for (let time = 0; time < 5; time += 1) {
        socket.complete("1");
        follow("1");
      }
      await rename(id, "Once");
      await socket.expect("next", "1");
      await socket.quiet();
    }),
  "complete: the id is free after the server's": () =>
    withSocket({}, async (socket) => {
      for (let time = 0; time < 5; time += 1) {
        socket.subscribe("1", QUERY);
        await socket.expect("next", "1");
        await socket.expect("complete", "1");
      }
    }),

  "4409: an id in use by a subscription": () =>
    following(async (socket, id, follow) => {
      follow("1");
      assert.match(await socket.closed(4409), /1 already exists/);
    }),
  "4409: whatever the second operation is": () =>
    following(async (socket) => {
      socket.subscribe("1", QUERY);
      await socket.closed(4409);
    }),
  "4409: a reason of 123 bytes at most for a long id": () =>
    following(async (socket, id, follow) => {
      follow("é".repeat(500));
      follow("é".repeat(500));
      await socket.closed(4409);
    }),
  "4409: not for the same id on another socket": () =>
    following(() =>
      withSocket({}, async (other) => {
        other.subscribe("1", QUERY);
        await other.expect("next", "1");
      }),
    ),

  "limit: one operation too many is an error of its own": () =>
    following(async (socket, id, follow) => {
      let refusal;
      for (let number = 2; number <= 1001 && !refusal; number += 50) {
        for (let each = 0; each < 50; each += 1) {
          follow(`f${number + each}`);
        }
        socket.send({ type: "ping" });
        for (let frame = await socket.receive(); frame.type !== "pong"; frame = await socket.receive()) {
          refusal ??= frame;
        }
      }
      assert.equal(refusal?.type, "error");
      assert.equal(refusal.payload[0].extensions.code, "LIMIT_EXCEEDED");
      socket.complete("1");
      socket.subscribe("again", QUERY);
      await socket.expect("next", "again");
    }),

  "client: graphql-ws runs a query": async () =>
    assert.deepEqual((await results({ query: QUERY })).map(({ data }) => data), [TYPENAME]),
  "client: graphql-ws runs a mutation": async () =>
    assert.deepEqual((await results({ query: "mutation { __typename }" }))[0].data, { __typename: "Mutation" }),
  "client: graphql-ws is told of errors": () =>
    assert.rejects(results({ query: "{ nothingOfTheKind }" }), (errors) => errors[0].extensions.code === "INVALID"),
  "client: graphql-ws is told that it may not enter": () =>
    assert.rejects(
      results({ query: QUERY }, { connectionParams: { authorization: "Bearer nonsense" } }),
      ({ code }) => code === 4403,
    ),
  "client: graphql-ws follows, is pinged, and stops": async () => {
    const { id, lastEventSeq } = await session();
    const heard = [];
    let pongs = 0;
    const connection = client({ keepAlive: 50, on: { pong: () => (pongs += 1) } });
    const closed = new Promise((resolve) => connection.on("closed", resolve));
    await rename(id, "Heard first");
    for await (const { data } of connection.iterate({ query: EVENTS, variables: { session: id, after: lastEventSeq } })) {
      heard.push(data.sessionEvents.session?.title);
      if (heard.length === 3) {
        break;
      }
      await rename(id, `Heard ${heard.length}`);
    }
    assert.deepEqual(heard, ["Heard first", "Heard 1", "Heard 2"]);
    await connection.dispose();
    assert.equal((await within(closed, "close")).code, 1000);
    assert.ok(pongs > 0);
  },
  "close: the client's 1000 is answered": async () => {
    const socket = await Socket.open();
    socket.subscribe("1", QUERY);
    await socket.expect("next", "1");
    socket.ws.close(1000, "bye");
    assert.equal((await within(socket.ended, "close")).code, 1000);
  },
};
