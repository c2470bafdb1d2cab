// What the commands of this folder share: where things are, and how they tell their score.
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = resolve(HERE, "../..");
export const SCHEMA = "graphql/schema.graphql";
export const OPERATIONS = "graphql/operations/*.graphql";
export const BIN = join(ROOT, "conformance/node_modules/.bin");

const require = createRequire(import.meta.url);

/** The version of an installed package. */
export function version(name) {
  const [scope, rest] = name.startsWith("@") ? name.split("/") : ["", name];
  const folder = join(ROOT, "conformance/node_modules", scope, rest);
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}

/**
 * A folder to generate into, gone when the process ends. It is outside the project because Relay's compiler stages
 * what it writes in the Git repository that it is in; the packages are found through a link.
 */
export function scratch() {
  const folder = mkdtempSync(join(tmpdir(), "auto-movie-"));
  symlinkSync(join(ROOT, "conformance/node_modules"), join(folder, "node_modules"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Load a CommonJS module of an installed package. */
export const load = (name) => require(name);

/**
 * Print a suite's score as the last line and end with it: findings are a failure.
 * `off` holds what is left out on purpose, by name, with the reason; it counts in `of` and not in `passed`. `more` is
 * said beside the score.
 */
export function report({ suite, version, of, failed, off = {}, more = {} }) {
  const names = [...new Set(failed)].sort();
  const passed = of - names.length - Object.keys(off).length;
  process.stdout.write(`${JSON.stringify({ suite, version, passed, of, failed: names, off, ...more })}\n`);
  process.exitCode = names.length > 0 ? 1 : 0;
}
