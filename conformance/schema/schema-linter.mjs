// graphql-schema-linter's score: rules without a finding, of all it has.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { load, report, ROOT, SCHEMA, version } from "./report.mjs";

const REASON =
  "The order tells: the id first, what belongs together side by side, phases and states as they follow each other.";
const OFF = {
  "enum-values-sorted-alphabetically": REASON,
  "input-object-fields-sorted-alphabetically": REASON,
  "interface-fields-sorted-alphabetically": REASON,
  "type-fields-sorted-alphabetically": REASON,
};

const { Configuration } = load("graphql-schema-linter/lib/configuration.js");
const { validateSchemaDefinition } = load("graphql-schema-linter/lib/validator.js");

const kebab = (rule) => rule.name.replace(/\B[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
const configuration = new Configuration({ definition: readFileSync(join(ROOT, SCHEMA), "utf8") });
const rules = configuration.getAllRules();
const wanted = rules.filter((rule) => !(kebab(rule) in OFF));
const errors = validateSchemaDefinition(configuration.schema, wanted, configuration);
for (const error of errors) {
  process.stderr.write(`${SCHEMA}:${error.locations[0].line} ${error.message} (${error.ruleName})\n`);
}
report({
  suite: "graphql-schema-linter",
  version: version("graphql-schema-linter"),
  of: rules.length,
  failed: errors.map((error) => error.ruleName),
  off: OFF,
});
