import DOMPurify from "dompurify";
import { marked } from "marked";

/** The preview of what is being typed. What was sent is shown as the server rendered it. */
export function renderMarkdown(text: string): string {
  const html = marked.parse(text, { async: false, gfm: true, breaks: true });
  return DOMPurify.sanitize(html, { FORBID_TAGS: ["style", "form", "input", "img"], FORBID_ATTR: ["style"] });
}
