import { createRoot } from "react-dom/client";
import { Provider } from "urql";

import { createApiClient, createSocket } from "./api";
import "./chat.css";
import { ChatInterface } from "./ChatInterface";
import "./files.css";
import type { PageContext } from "./types";

const root = document.getElementById("chat");
if (!root) throw new Error('The page has no element with the id "chat".');

const context = readContext(root.dataset);
createRoot(root).render(
  <Provider value={createApiClient(context)}>
    <ChatInterface context={context} socket={createSocket(context)} />
  </Provider>,
);

function readContext(data: DOMStringMap): PageContext {
  return {
    sessionId: required(data, "sessionId"),
    projectId: required(data, "projectId"),
    userId: required(data, "userId"),
    csrfToken: data.csrf ?? "",
    maxMessageLength: Number(data.maxMessageLength ?? 2000),
    loginUrl: data.loginUrl ?? "/accounts/login/",
    projectsUrl: data.projectsUrl ?? "/projects/",
    trustedDocuments: data.trustedDocuments !== undefined,
  };
}

function required(data: DOMStringMap, name: string): string {
  const value = data[name];
  if (!value) throw new Error(`The element "chat" lacks its data attribute for ${name}.`);
  return value;
}
