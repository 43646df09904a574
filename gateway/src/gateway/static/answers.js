// The views of answers: drawn on the image and written in words.

import { boxed, lightTogether, rows, unseen } from "./boxes.js";
import { beforeAndAfter } from "./compare.js";
import { block, button, heading, hint, make, paragraph } from "./dom.js";
import { ownUrl } from "./save.js";

// By the name that the table of endpoints has for the view of an answer.
const VIEWS = {
  colors: showColors,
  text: showText,
  analysis: showAnalysis,
  faces: showFaces,
  labels: showLabels,
  nudity: showNudity,
};

/**
 * Fill the two places with an answer.
 *
 * @param image {source, name}; the source is null where the page cannot show it.
 */
export function showAnswer(view, answer, image, { drawing, words }) {
  drawing.replaceChildren();
  words.replaceChildren();
  for (const { message, page } of answer.details.warnings ?? []) {
    words.append(make("p", { className: "warning", textContent: page ? `Page ${page}: ${message}` : message }));
  }
  VIEWS[view](answer, image, { drawing, words });
}

/** Show the image alone, before there is an answer. */
export function showImage(image, { drawing, words }) {
  words.replaceChildren();
  drawing.replaceChildren(image.source ? boxed({ ...image, size: null, boxes: [] }) : unseen(image));
}

/** Return what an answer says as plain text; empty where it is no text. */
export function textOf({ result }) {
  if (result.pages) return result.pages.map((page) => page.text).join("\n\n");
  return result.text?.full_text ?? result.text ?? "";
}

/** Return the URL of the image that an answer made, null where it made none. */
export function imageOf({ result }) {
  return result.colorized ? ownUrl(result.colorized) : null;
}

function showColors({ result, details }, image, { drawing }) {
  drawing.append(beforeAndAfter(image.source, ownUrl(result.colorized)));
  const isColored = details.already_colored;
  drawing.append(hint(isColored ? "The image has colors already; it was left as it is."
    : "Drag the edge, or use the arrow keys. The colors are a model's guess."));
}

function showText({ result }, image, { drawing, words }) {
  const place = make("div");
  const drawn = make("div");
  const show = (page) => showPage(page, result.page_count > 1 ? { ...image, source: null } : image, drawn, place);
  drawing.append(drawn);
  if (result.pages.length > 1) drawing.prepend(pager(result.pages, show));
  words.append(place);
  show(result.pages[0]);
}

/** Draw a page with its words; pages of a PDF have no image here, so their words stand on a sheet. */
function showPage(page, image, drawn, place) {
  const lines = page.blocks.flatMap((part) => part.lines);
  const boxes = lines.map(({ corners, text, words, confidence }) => ({ corners, title: text, words, confidence }));
  const frame = boxed({ ...image, size: page, boxes });
  const list = rows(boxes, ({ title, confidence }) => {
    const sure = make("span", { className: "sure", textContent: confidence.toFixed(2), title: "Confidence" });
    return make("span", { className: "said" }, make("span", { textContent: title, dir: "auto" }), sure);
  }, "Lines");
  lightTogether(frame, list);
  drawn.replaceChildren(frame);
  const summary = `${lines.length} lines, confidence ${page.confidence.toFixed(2)}. Words can be selected on the page.`;
  place.replaceChildren(lines.length ? hint(summary) : paragraph("No text was found."), list);
}

function pager(pages, show) {
  let here = 0;
  const count = make("span", { role: "status" });
  const tell = () => { count.textContent = `Page ${pages[here].number}, ${here + 1} of ${pages.length}`; };
  const go = (step) => {
    here = Math.min(pages.length - 1, Math.max(0, here + step));
    tell();
    show(pages[here]);
  };
  const buttons = [button("Previous", () => go(-1)), button("Next", () => go(1))];
  for (const made of buttons) made.setAttribute("aria-label", `${made.textContent} page`);
  tell();
  return make("div", { className: "buttons pager" }, buttons[0], count, buttons[1]);
}

function showAnalysis({ result, details }, image, { drawing, words }) {
  showImageOf(image, drawing);
  if (details.page_count) words.append(paragraph(`Pages: ${details.page_count}.`));
  if (result.notice) words.append(paragraph(result.notice));
  const { sentiment } = result;
  const tags = make("ul", { className: "tags" });
  tags.append(...result.tags.split(", ").filter(Boolean).map((tag) => make("li", { textContent: tag })));
  words.append(
    heading("Summary"), paragraph(result.text.summary || "None."),
    heading("Tone"), bars("", [[sentiment.result, sentiment.confidence]]),
    heading("Tags"), result.tags ? tags : paragraph("None."),
    heading("Text"), block(result.text.full_text || "No text was found."),
  );
}

function showFaces({ result }, image, { drawing, words }) {
  const boxes = result.map(({ faceCoordinates: [box], emotions }) => ({
    corners: [[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]],
    title: emotions[0] ? emotions[0].emotion : "none sure enough",
    emotions,
  }));
  const frame = image.source ? boxed({ ...image, size: null, boxes }) : unseen(image);
  drawing.append(frame);
  words.append(hint("Visible expressions as a model reads them, not what anyone feels."));
  if (!boxes.length) words.prepend(paragraph("No face was found."));
  const list = rows(boxes, ({ title, emotions }) => {
    const made = make("details", { open: boxes.length <= 2 }, make("summary", { textContent: title }));
    made.append(bars("", emotions.map(({ emotion, confidence }) => [emotion, confidence])));
    return made;
  }, "Faces from left to right");
  lightTogether(frame, list);
  words.append(list);
}

function showLabels({ result }, image, { drawing, words }) {
  showImageOf(image, drawing);
  words.append(bars("It shows", result.map(({ tag, confidence }) => [tag, confidence])));
}

function showNudity({ result, details }, image, { drawing, words }) {
  showImageOf(image, drawing);
  const suggestive = details.severity === "suggestive" ? " The image is suggestive." : "";
  const verdict = result.isNude ? "Nudity was found." : `No nudity was found.${suggestive}`;
  words.append(make("p", { className: "verdict", textContent: verdict }));
  words.append(bars("", [["score", result.confidence]], details.threshold));
  words.append(hint(`It is called nude from ${details.threshold}, the mark on the bar.`));
  if (details.classes) {
    words.append(bars("Classes", details.classes.map(({ name, confidence }) => [name, confidence])));
  }
  words.append(hint("Have a person look before anything is decided about a person."));
  if (details.frame_count) words.append(hint(`Frames: ${details.frame_count}; the worst is ${details.worst_frame}.`));
}

function showImageOf(image, drawing) {
  drawing.append(image.source ? boxed({ ...image, size: null, boxes: [] }) : unseen(image));
}

/** Return a table of names with bars from 0 to 1; the threshold, if any, is a mark on each. */
function bars(title, pairs, threshold) {
  const made = make("table", { className: "bars" });
  if (title) made.append(make("caption", { textContent: title }));
  for (const [name, confidence] of pairs) {
    const row = made.insertRow();
    row.append(make("th", { scope: "row", textContent: name }));
    const filled = make("span", { className: "filled" });
    filled.style.width = `${confidence * 100}%`;
    const bar = make("span", { className: "bar" }, filled);
    bar.setAttribute("aria-hidden", "true");
    if (threshold !== undefined) {
      const mark = make("span", { className: "mark" });
      mark.style.left = `${threshold * 100}%`;
      bar.append(mark);
    }
    row.insertCell().append(bar);
    const number = confidence < 0.0005 ? "<0.001" : confidence.toFixed(3);
    row.append(make("td", { className: "number", textContent: number }));
  }
  return made;
}
