/* Starts GraphiQL on our own endpoint: queries with the session cookie, subscriptions over the WebSocket. */
(() => {
  const root = document.getElementById("graphiql");
  const url = window.location.origin + window.location.pathname;
  const cookie = document.cookie.split("; ").find((pair) => pair.startsWith("csrftoken="));
  const token = cookie ? decodeURIComponent(cookie.slice("csrftoken=".length)) : root.dataset.csrf;

  const fetcher = GraphiQL.createFetcher({
    url,
    subscriptionUrl: url.replace(/^http/, "ws"),
    headers: { "X-CSRFToken": token },
  });

  const welcome = [
    "# Auto-Movie's API. The book icon opens its documentation; Ctrl-Enter runs the query.",
    "",
    "query MyProjects {",
    "  projects(first: 5) {",
    "    edges {",
    "      node {",
    "        title",
    "        progress {",
    "          overallProgress",
    "        }",
    "      }",
    "    }",
    "  }",
    "}",
    "",
  ].join("\n");

  ReactDOM.createRoot(root).render(
    React.createElement(GraphiQL, { fetcher, defaultQuery: welcome, shouldPersistHeaders: false }),
  );
})();
