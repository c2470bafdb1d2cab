// GraphQL-ESLint's score: rules without a finding, of all rules for the schema and for the operations.
import { ESLint } from "eslint";

import { OPERATIONS_OFF, PRESETS, SCHEMA_OFF } from "../eslint.config.mjs";
import { OPERATIONS, report, ROOT, SCHEMA, version } from "./report.mjs";

const eslint = new ESLint({ cwd: ROOT, overrideConfigFile: "conformance/eslint.config.mjs" });
const results = await eslint.lintFiles([SCHEMA, OPERATIONS]);
const text = await (await eslint.loadFormatter("stylish")).format(results);
process.stderr.write(text);

const place = (file) => (file.endsWith("/schema.graphql") ? "schema" : "operations");
const short = (rule) => rule?.replace("@graphql-eslint/", "") ?? "parse error";
const failed = results.flatMap(({ filePath, messages }) =>
  messages.map(({ ruleId }) => `${place(filePath)}: ${short(ruleId)}`),
);
const rulesOf = async (path) => Object.keys((await eslint.calculateConfigForFile(path)).rules);
const of = (await rulesOf(SCHEMA)).length + (await rulesOf("graphql/operations/any.graphql")).length;
const off = Object.fromEntries(
  [["schema", SCHEMA_OFF], ["operations", OPERATIONS_OFF]].flatMap(([name, reasons]) =>
    Object.entries(reasons).map(([rule, reason]) => [`${name}: ${rule}`, reason]),
  ),
);

const presets = new ESLint({ cwd: ROOT, overrideConfigFile: true, overrideConfig: PRESETS });
const [{ messages }] = await presets.lintFiles([SCHEMA]);
const found = [...new Set(messages.map(({ ruleId }) => short(ruleId)))].sort();
const all = Object.keys(PRESETS[0].rules).length;

report({
  suite: "GraphQL-ESLint",
  version: version("@graphql-eslint/eslint-plugin"),
  of,
  failed,
  off,
  // The schema alone, by the presets and without our exceptions.
  more: { presets: { passed: all - found.length, of: all, found } },
});
