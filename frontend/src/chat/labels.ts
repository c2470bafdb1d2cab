import type { Phase, TaskStatus } from "../gql/graphql";

export const PHASE_LABELS: Record<Phase, string> = {
  STORY_DEVELOPMENT: "Story development",
  CHARACTER_CREATION: "Character creation",
  VISUAL_DESIGN: "Visual design",
  AUDIO_DESIGN: "Audio design",
  SCENE_PRODUCTION: "Scene production",
  POST_PRODUCTION: "Post-production",
  FINAL_ASSEMBLY: "Final assembly",
};

export const TASK_STATUS_LABELS: Record<TaskStatus, string> = {
  QUEUED: "Waiting",
  RUNNING: "Running",
  SUCCEEDED: "Done",
  FAILED: "Failed",
  CANCELLED: "Cancelled",
};

/** `storyboard_panel` as people read it. */
export function taskTypeLabel(taskType: string): string {
  const words = taskType.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
