import { PHASE_LABELS } from "./labels";
import type { Progress } from "./types";

export function ProgressIndicator({ progress }: { progress: Progress }) {
  return (
    <div className="progress-indicator" data-testid="progress">
      <span className="progress-phase">{PHASE_LABELS[progress.currentPhase] ?? progress.currentPhase}</span>
      <progress max={100} value={progress.overallProgress} aria-label="Overall progress of the project" />
      <span className="progress-percent">{progress.overallProgress} %</span>
    </div>
  );
}
