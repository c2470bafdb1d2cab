import { useEffect, useRef, useState } from "react";

import { ACCEPTED_FILES } from "./formats";

export function FileUpload({ onFiles }: { onFiles: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="button button-icon" onClick={() => input.current?.click()}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M20 11.5 12 19.4a5 5 0 0 1-7-7l8.4-8.3a3.3 3.3 0 0 1 4.7 4.7l-8.4 8.3a1.7 1.7 0 0 1-2.4-2.4l7.6-7.5" />
        </svg>
        <span className="visually-hidden">Attach files</span>
      </button>
      <input
        ref={input}
        type="file"
        className="visually-hidden"
        data-testid="file-input"
        accept={ACCEPTED_FILES}
        multiple
        tabIndex={-1}
        aria-label="Files to attach"
        onChange={(event) => {
          onFiles(Array.from(event.target.files ?? []));
          event.target.value = ""; // so that the same file can be chosen again
        }}
      />
    </>
  );
}

/** Takes files dropped anywhere on the page. Answers whether some are being dragged over it. */
export function useFileDrop(
  onFiles: (files: File[]) => void,
  onRefused: (file: File, reason: string) => void,
): boolean {
  const [dragging, setDragging] = useState(false);
  useEffect(() => {
    let depth = 0; // enter and leave come for every element on the way
    const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      depth += 1;
      setDragging(true);
    };
    const leave = (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      depth = Math.max(0, depth - 1);
      if (depth === 0) setDragging(false);
    };
    const over = (event: DragEvent) => {
      if (holdsFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      depth = 0;
      setDragging(false);
      const files = Array.from(event.dataTransfer?.files ?? []);
      const folders = folderNames(event.dataTransfer);
      onFiles(files.filter((file) => !folders.includes(file.name)));
      for (const name of folders) {
        onRefused(new File([], name), "This is a folder. Open it, and drop the files that are in it.");
      }
    };
    document.addEventListener("dragenter", enter);
    document.addEventListener("dragleave", leave);
    document.addEventListener("dragover", over);
    document.addEventListener("drop", drop);
    return () => {
      document.removeEventListener("dragenter", enter);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("dragover", over);
      document.removeEventListener("drop", drop);
    };
  }, [onFiles, onRefused]);
  return dragging;
}

function folderNames(data: DataTransfer | null): string[] {
  return Array.from(data?.items ?? []).flatMap((item) => {
    const entry = item.webkitGetAsEntry();
    return entry?.isDirectory ? [entry.name] : [];
  });
}
