// graphql-http's server audits against a served endpoint: API_URL, asked with the Bearer token API_TOKEN.
import { readFileSync } from "node:fs";

import { serverAudits } from "graphql-http";

const { API_URL: url, API_TOKEN: token } = process.env;
const signedIn = (address, { headers, ...rest } = {}) =>
  fetch(address, { ...rest, headers: { ...headers, authorization: `Bearer ${token}` } });

const failed = [];
const audits = serverAudits({ url, fetchFn: signedIn });
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== "ok") {
    failed.push(`${audit.id} ${audit.name}: ${result.reason}`);
  }
}
for (const line of failed) {
  process.stderr.write(`${line}\n`);
}

const installed = new URL("node_modules/graphql-http/package.json", import.meta.url);
const { version } = JSON.parse(readFileSync(installed, "utf8"));
const passed = audits.length - failed.length;
process.stdout.write(`${JSON.stringify({ suite: "graphql-http", version, passed, of: audits.length, failed })}\n`);
process.exitCode = failed.length > 0 ? 1 : 0;
