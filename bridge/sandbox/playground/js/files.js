// Files: how they are shown on both sides, and what the phone's paper clip and microphone send.

import { Refused, toast, upload } from "./api.js";
import { h, icon } from "./dom.js";

const KINDS = new Set(["image", "video", "audio", "document", "sticker"]);

/** A file that can be seen, heard or saved. */
export function fileView({ url, mime = "", name = "", size = 0, label = "" }) {
  const family = mime.split("/")[0];
  const words = label || name || "File";
  if (family === "image") {
    return h("a", { class: "file-picture", href: url, target: "_blank", rel: "noopener", testid: "file-picture" }, h("img", { src: url, alt: words, loading: "lazy" }));
  }
  if (family === "audio") {
    return h("div", { class: "file-sound", testid: "file-sound" }, h("span", { class: "quiet small" }, words), h("audio", { controls: true, preload: "none", src: url, "aria-label": words }));
  }
  if (family === "video") {
    return h("video", { class: "file-video", controls: true, preload: "none", src: url, "aria-label": words, testid: "file-video" });
  }
  return h(
    "a",
    { class: "file-card", href: url, download: name || "file", testid: "file-card" },
    icon("paper"),
    h("span", { class: "file-name" }, words),
    size > 0 && h("span", { class: "quiet small" }, bytes(size)),
  );
}

function bytes(size) {
  if (size < 1024) return `${size} B`;
  if (size < 1024 * 1024) return `${Math.round(size / 1024)} KB`;
  return `${(size / 1024 / 1024).toFixed(1)} MB`;
}

/** The file of a WhatsApp message, or null when it has none. */
export function fileOfMessage({ type, content }) {
  if (!KINDS.has(type) || !content?.id) return null;
  const label = type === "sticker" ? (content.animated ? "Animated sticker" : "Sticker") : content.voice ? "Voice message" : "";
  // What the business sends says its type by the kind of the message alone.
  const mime = content.mime_type || (type === "sticker" ? "image/webp" : type === "document" ? "" : `${type}/*`);
  return fileView({ url: `/control/whatsapp/media/${encodeURIComponent(content.id)}`, mime, name: content.filename, label });
}

/** The files of a post on the desk. */
export function filesOfPost(files) {
  const seen = files.map((file) =>
    h(
      "figure",
      { class: "file", "data-file": file.id, testid: "file" },
      h("figcaption", { class: "small" }, file.title || file.name),
      fileView({ url: `/control/slack/files/${encodeURIComponent(file.id)}`, mime: file.mimetype, name: file.name, size: file.size }),
    ),
  );
  return h("div", { class: "files" }, seen);
}

/** Send files one after the other, the first with the caption. False: one was not sent, which was said. */
export async function sendFiles(customer, files, { caption, number, quote }) {
  for (const [at, file] of [...files].entries()) {
    const webp = file.type === "image/webp";
    const kind = webp ? "sticker" : "";
    const flag = webp && (await moves(file));
    const said = { caption: at || webp ? "" : caption, filename: file.name, kind, flag: flag ? "1" : "", number_id: number, reply_to: at ? "" : quote };
    if (!(await attach(customer, file, file.type, said))) return false;
  }
  return true;
}

/** A voice message that says nothing: the beginning of one in Ogg Opus. */
export function sendVoice(customer, { number, quote }) {
  const page = new Uint8Array(600);
  page.set(new TextEncoder().encode("OggS"), 0);
  page.set(new TextEncoder().encode("OpusHead"), 28);
  return attach(customer, page, "audio/ogg; codecs=opus", { kind: "audio", flag: "1", number_id: number, reply_to: quote });
}

/** Bring files to the desk, where nobody sees them yet: their ids. Throws what the client would say. */
export async function bringFiles(person, files) {
  const ids = [];
  for (const file of files) {
    const query = new URLSearchParams({ person, name: file.name });
    const answer = await upload(`slack/attach?${query}`, file, file.type || "application/octet-stream");
    if (!answer.ok) throw new Refused(answer.error);
    ids.push(answer.file);
  }
  return ids;
}

async function attach(customer, body, type, said) {
  const query = new URLSearchParams(Object.entries(said).filter(([, value]) => value));
  try {
    await upload(`whatsapp/customers/${encodeURIComponent(customer)}/attach?${query}`, body, type);
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    toast("The file was not sent", error.message);
    return false;
  }
}

/** Whether a WebP is an animation: a flag of its extended header. */
async function moves(file) {
  const head = new Uint8Array(await file.slice(0, 21).arrayBuffer());
  return String.fromCharCode(...head.slice(12, 16)) === "VP8X" && (head[20] & 2) !== 0;
}
