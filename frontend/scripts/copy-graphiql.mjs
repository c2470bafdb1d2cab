// Puts what GraphiQL needs beside the chat's script, so that Django serves it and no page asks another site.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const target = path.join(root, "dist", "graphiql");

const FILES = {
  "react.js": "node_modules/react-18/umd/react.production.min.js",
  "react-dom.js": "node_modules/react-dom-18/umd/react-dom.production.min.js",
  "graphiql.js": "node_modules/graphiql/graphiql.min.js",
  "graphiql.css": "node_modules/graphiql/graphiql.min.css",
};

await mkdir(target, { recursive: true });
for (const [name, source] of Object.entries(FILES)) {
  const text = await readFile(path.join(root, source), "utf8");
  await writeFile(path.join(target, name), prepared(name, text));
}
for (const name of ["start.js", "page.css"]) {
  await copyFile(path.join(root, "graphiql", name), path.join(target, name));
}

function prepared(name, text) {
  // Source maps are not copied, and a hashing static files storage stops at a reference to a missing file.
  const withoutMaps = text.replaceAll(/^\/[/*]# sourceMappingURL=.*$/gm, "");
  // The fonts are data addresses, which our Content-Security-Policy refuses; the system's fonts take their place.
  return name.endsWith(".css") ? withoutMaps.replaceAll(/@font-face\s*\{[^}]*\}/g, "") : withoutMaps;
}
