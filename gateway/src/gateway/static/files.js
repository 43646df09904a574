// Images to send: chosen, dropped, pasted, photographed, named by URL, or the sample of a job.

import { load } from "./api.js";
import { at, make } from "./dom.js";

const MOST_BYTES = 10 * 1024 * 1024;
const SAMPLES = "/content/examples/";

// Why an image is not shown before there is an answer.
const OF_PDF = "A PDF; its text is shown once it is read.";
const OF_URL = "It is not shown: this page loads nothing from other hosts.";

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
    return { source: this.source, name: this.name, reason: this.file ? OF_PDF : OF_URL };
  }

  /** Why it cannot be sent; empty where it can. */
  get fault() {
    if (this.file && this.file.size > MOST_BYTES) return `${this.name} is over 10 MiB; choose a smaller one`;
    return "";
  }

  /** The image as the form sends it: a sample is uploaded, so that it works by whatever host the page was opened. */
  async content() {
    if (!this.sample) return { file: this.file, url: this.url };
    return { file: new File([await load(this.source)], this.sample) };
  }

  /** The image as programs name it that call the gateway at `publicUrl`. */
  placeAt(publicUrl) {
    if (this.sample) return { url: publicUrl + this.source };
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
  for (const item of items) {
    item.row ??= rowOf(item, { onShow, onRemove });
    item.row.className = item.state;
    item.row.querySelector(".item").setAttribute("aria-pressed", String(item === current));
    item.row.querySelector(".facts").textContent = factsOf(item);
    item.row.querySelector(".remove").hidden = items.length === 1;
  }
  const rows = items.map(({ row }) => row);
  const shown = [...at("list").children];
  // Only when it must: a row that is taken out loses the focus.
  const isSame = rows.length === shown.length && rows.every((row, number) => row === shown[number]);
  if (!isSame) at("list").replaceChildren(...rows);
}

function rowOf(item, { onShow, onRemove }) {
  const name = make("span", { className: "name", textContent: item.name });
  const label = make("span", { className: "label" }, name, make("span", { className: "facts" }));
  const show = make("button", { type: "button", className: "item" }, thumbnail(item), label);
  show.addEventListener("click", () => onShow(item));
  const remove = make("button", { type: "button", className: "quiet remove", textContent: "×" });
  remove.setAttribute("aria-label", `Remove ${item.name}`);
  remove.addEventListener("click", () => onRemove(item));
  return make("li", {}, show, remove);
}

function thumbnail({ source, isPdf, file }) {
  const kind = isPdf ? "PDF" : file ? "image" : "URL";
  const card = make("span", { className: "thumbnail", textContent: kind });
  if (!source) return card;
  const image = make("img", { src: source, alt: "", className: "thumbnail" });
  image.addEventListener("error", () => image.replaceWith(card));
  return image;
}

function factsOf(item) {
  const size = item.file ? `${Math.ceil(item.file.size / 1024)} KiB` : item.sample ? "sample" : "";
  const seconds = item.state === "done" ? `${item.seconds.toFixed(1)} s` : "";
  return [size, item.message || (item.state === "ready" ? "" : item.state), seconds].filter(Boolean).join(" · ");
}
