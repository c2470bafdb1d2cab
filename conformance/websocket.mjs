// The protocol graphql-transport-ws (PROTOCOL.md of enisdenjo/graphql-ws) against a served endpoint: API_URL, as whom
// the Bearer token API_TOKEN says. The last line of stdout is the score as JSON; failures are told on stderr.
import { readFileSync } from "node:fs";

import { checks as connection } from "./websocket/connection.mjs";
import { checks as messages } from "./websocket/messages.mjs";
import { checks as operations } from "./websocket/operations.mjs";
import { within } from "./websocket/socket.mjs";

const AT_ONCE = 8;
// These wait for the server's clock, beside the others.
const SLOW = /\(4408\)|with 4408|in time, the socket stays|server sends WebSocket pings/;

const checks = Object.entries({ ...connection, ...messages, ...operations });
const failed = [];

async function run([name, check]) {
  try {
    await within(check(), "end", 45);
  } catch (error) {
    failed.push(name);
    const [reason] = (error instanceof Error ? error.message : JSON.stringify(error)).split("\n");
    process.stderr.write(`${name}: ${reason}\n`);
  }
}

const slow = checks.filter(([name]) => SLOW.test(name));
const quick = checks.filter((check) => !slow.includes(check));
const workers = Array.from({ length: AT_ONCE }, async () => {
  for (let check = quick.shift(); check; check = quick.shift()) {
    await run(check);
  }
});
await Promise.all([...slow.map(run), ...workers]);

const installed = new URL("node_modules/graphql-ws/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(installed, "utf8"));
const passed = checks.length - failed.length;
process.stdout.write(
  `${JSON.stringify({ suite: "graphql-transport-ws", version, passed, of: checks.length, failed })}\n`,
);
process.exit(failed.length > 0 ? 1 : 0);
