import { ProgressIndicator } from "./ProgressIndicator";
import type { ChatState } from "./reducer";
import type { Connection } from "./types";

const CONNECTION_WORDS: Record<Connection, string> = {
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  offline: "Offline",
};

interface SessionHeaderProps {
  state: ChatState;
  connection: Connection;
  projectsUrl: string;
}

export function SessionHeader({ state, connection, projectsUrl }: SessionHeaderProps) {
  const { session, project, step, progress } = state;
  const title = session?.title || project?.title || "Opening the conversation…";
  return (
    <header className="chat-header">
      <div className="chat-header-titles">
        <a className="chat-back" href={projectsUrl}>
          <span aria-hidden="true">←</span> Projects
        </a>
        <h1>{title}</h1>
        <p className="chat-step">
          {project && title !== project.title && <span className="chat-project">{project.title}</span>}
          <span>
            Current step: <strong data-testid="step-title">{step?.title ?? "…"}</strong>
          </span>
        </p>
      </div>
      <div className="chat-header-state">
        <p className={`connection connection-${connection}`} data-testid="connection" role="status">
          {CONNECTION_WORDS[connection]}
        </p>
        {progress && <ProgressIndicator progress={progress} />}
      </div>
    </header>
  );
}
