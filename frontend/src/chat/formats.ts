/** The files that may be sent. The server looks at the content; this only spares people a wait for a sure refusal. */

interface Format {
  mimeType: string;
  /** For people, on the card of a file. */
  name: string;
  extensions: readonly string[];
  /** Other names that systems give the same type. */
  aliases?: readonly string[];
}

const FORMATS: readonly Format[] = [
  { mimeType: "image/jpeg", name: "JPEG", extensions: ["jpg", "jpeg"], aliases: ["image/jpg", "image/pjpeg"] },
  { mimeType: "image/png", name: "PNG", extensions: ["png"], aliases: ["image/x-png"] },
  { mimeType: "image/webp", name: "WebP", extensions: ["webp"] },
  { mimeType: "image/gif", name: "GIF", extensions: ["gif"] },
  { mimeType: "image/avif", name: "AVIF", extensions: ["avif"] },
  { mimeType: "image/heic", name: "HEIC", extensions: ["heic", "heif"], aliases: ["image/heif"] },
  { mimeType: "video/mp4", name: "MP4", extensions: ["mp4", "m4v"], aliases: ["video/x-m4v"] },
  { mimeType: "video/quicktime", name: "MOV", extensions: ["mov", "qt"] },
  { mimeType: "video/webm", name: "WebM", extensions: ["webm"] },
  { mimeType: "audio/wav", name: "WAV", extensions: ["wav"], aliases: ["audio/x-wav", "audio/wave", "audio/vnd.wave"] },
  { mimeType: "audio/mpeg", name: "MP3", extensions: ["mp3"], aliases: ["audio/mp3"] },
  { mimeType: "audio/flac", name: "FLAC", extensions: ["flac"], aliases: ["audio/x-flac"] },
  { mimeType: "audio/ogg", name: "OGG", extensions: ["ogg", "oga", "opus"], aliases: ["application/ogg"] },
  { mimeType: "audio/mp4", name: "M4A", extensions: ["m4a"], aliases: ["audio/x-m4a", "audio/m4a"] },
  { mimeType: "application/pdf", name: "PDF", extensions: ["pdf"], aliases: ["application/x-pdf"] },
  { mimeType: "text/markdown", name: "Markdown", extensions: ["md", "markdown"], aliases: ["text/x-markdown"] },
  { mimeType: "text/plain", name: "Text", extensions: ["txt", "text"] },
  { mimeType: "text/x-fountain", name: "Fountain script", extensions: ["fountain"] },
];

/** What browsers can put on a page; HEIC they mostly cannot. */
const SHOWABLE: readonly string[] = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"];

/** Types and endings for the file picker: systems know some files by the one and some by the other. */
export const ACCEPTED_FILES = FORMATS.flatMap((format) => [
  format.mimeType,
  ...format.extensions.map((extension) => `.${extension}`),
]).join(",");

/** Systems leave the type of some files (HEIC, Markdown, Fountain) empty or say another, so the ending decides. */
export function mimeTypeOf(file: { name: string; type: string }): string {
  const ending = /\.([^.]+)$/.exec(file.name)?.[1]?.toLowerCase();
  const type = file.type.split(";")[0]?.trim().toLowerCase() ?? "";
  const format =
    FORMATS.find((candidate) => ending !== undefined && candidate.extensions.includes(ending)) ??
    FORMATS.find((candidate) => candidate.mimeType === type || candidate.aliases?.includes(type));
  return format?.mimeType ?? "";
}

export function formatName(mimeType: string): string {
  return FORMATS.find((format) => format.mimeType === mimeType)?.name ?? "File";
}

export function isShowable(mimeType: string): boolean {
  return SHOWABLE.includes(mimeType);
}

/** Why a file is not worth sending, or null. */
export function refusalOf(file: { name: string; type: string; size: number }): string | null {
  if (file.size === 0) return "This file is empty. Choose another one.";
  if (mimeTypeOf(file)) return null;
  return (
    "This kind of file is not taken. Send a picture (JPEG, PNG, WebP, GIF, AVIF, HEIC), a film (MP4, MOV, WebM), " +
    "sound (WAV, MP3, FLAC, OGG, M4A), a PDF, Markdown, text or Fountain."
  );
}
