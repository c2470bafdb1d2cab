import { Attachments } from "./Attachments";
import { TASK_STATUS_LABELS, taskTypeLabel } from "./labels";
import type { Task } from "./types";

export function TaskItem({ task }: { task: Task }) {
  const name = taskTypeLabel(task.taskType);
  const isOpen = task.status === "QUEUED" || task.status === "RUNNING";
  return (
    <section className="task" data-testid="task" data-status={task.status.toLowerCase()} aria-label={`Task: ${name}`}>
      <p className="task-head">
        <strong>{name}</strong> <span>{TASK_STATUS_LABELS[task.status]}</span>
      </p>
      {isOpen && <progress max={100} value={task.progress} aria-label={`Progress of ${name}`} />}
      {isOpen && task.message && <p>{task.message}</p>}
      {task.error && <p className="task-error">{task.error.message}</p>}
      <Attachments attachments={task.results} />
    </section>
  );
}
