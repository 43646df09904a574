// Images to send: chosen, dropped, pasted, photographed, named by URL, or the sample of a job.

import { at, make } from "./dom.js";

const MOST_BYTES = 10 * 1024 * 1024;
const SAMPLES = "/content/examples/";

const STATES = { ready: "", waiting: "waits", working: "working", done: "done", failed: "failed", cancelled: "cancelled" };

/** One image to send, and what became of it. */
export class Item {
  constructor({ file = null, url = null, sample = "" }) {
    Object.assign(this, { file, url, sample, state: "ready", message: "", answer: null, request: null, seconds: 0 });
    this.name = file?.name || (sample ? sample : url) || "image.png";
    this.source = sample ? SAMPLES + sample : null;
    if (file?.type.startsWith("image/")) this.source = URL.createObjectURL(file);
    if (url?.startsWith(`${location.origin}/`)) this.source = url;
  }

  get isPdf() {
    return this.file?.type === "application/pdf";
  }

  /** What the answers' views draw on. */
  get image() {
    const reason = this.file ? "A PDF is shown page by page once it is read." : "It is not shown: this page loads nothing from other hosts.";
    return { source: this.source, name: this.name, reason };
  }

  /** Why it cannot be sent; empty where it can. */
  get fault() {
    if (this.file && this.file.size > MOST_BYTES) return `${this.name} is over 10 MiB; choose a smaller one`;
    return "";
  }

  /** The image as the form sends it: a sample is uploaded, so that it works by whatever host the page was opened. */
  async content() {
    if (!this.sample) return { file: this.file, url: this.url };
    const response = await fetch(this.source);
    return { file: new File([await response.blob()], this.sample) };
  }

  /** The image as programs name it. */
  get place() {
    if (this.sample) return { url: new URL(this.source, location.href).href };
    return this.file ? { fileName: this.name } : { url: this.url };
  }

  release() {
    if (this.source?.startsWith("blob:")) URL.revokeObjectURL(this.source);
  }
}

/** Call `onFiles` with the readable files that are chosen, dropped or pasted, and `onFault` where there are none. */
export function watchFiles(onFiles, onFault) {
  const take = (files) => {
    const readable = [...files].filter(({ type }) => type.startsWith("image/") || type === "application/pdf");
    if (readable.length) onFiles(readable);
    else if (files.length) onFault("that is neither an image nor a PDF");
  };
  for (const input of [at("file"), at("camera")]) {
    input.addEventListener("change", () => {
      take(input.files);
      input.value = ""; // the same file may be chosen again
    });
  }
  addEventListener("paste", ({ clipboardData }) => take(clipboardData?.files ?? []));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    at("drop").classList.add("over");
  });
  addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) at("drop").classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    at("drop").classList.remove("over");
    take(event.dataTransfer.files);
  });
}

/** Draw the list of items, each with its state; pressing one shows it. */
export function drawList(items, current, { onShow, onRemove }) {
  at("list").replaceChildren(...items.map((item) => {
    const show = make("button", { type: "button", className: "item" }, thumbnail(item), label(item));
    show.setAttribute("aria-pressed", String(item === current));
    show.addEventListener("click", () => onShow(item));
    const row = make("li", { className: item.state }, show);
    if (items.length > 1) {
      const remove = make("button", { type: "button", className: "quiet remove", textContent: "×" });
      remove.setAttribute("aria-label", `Remove ${item.name}`);
      remove.addEventListener("click", () => onRemove(item));
      row.append(remove);
    }
    return row;
  }));
}

function thumbnail({ source, isPdf }) {
  if (source) return make("img", { src: source, alt: "", className: "thumbnail" });
  return make("span", { className: "thumbnail", textContent: isPdf ? "PDF" : "URL" });
}

function label(item) {
  const kilobytes = item.file ? `${Math.ceil(item.file.size / 1024)} KiB` : item.sample ? "sample" : "";
  const state = item.message || STATES[item.state];
  const seconds = item.state === "done" ? `${item.seconds.toFixed(1)} s` : "";
  const facts = [kilobytes, state, seconds].filter(Boolean).join(" · ");
  return make("span", { className: "label" }, make("span", { className: "name", textContent: item.name }), make("span", { className: "facts", textContent: facts }));
}
