// Numbered boxes on an image, the words in them, and rows that light up together with them.

import { draw, make } from "./dom.js";
import { moveByKey } from "./tabs.js";

const ROW_STEPS = { ArrowDown: 1, ArrowUp: -1 };
const LETTER_SHARE = 0.8; // of the height of a line that its letters take, and above them
const BASELINE_SHARE = 0.78;
const NOT_SHOWN = "This browser does not show this kind of image; it can be sent all the same."; // such as TIFF

/**
 * Return the image with boxes over it, or a white sheet where no image can be shown.
 *
 * @param source URL of the image, or null.
 * @param size {width, height} that the corners are in pixels of; null for the image's own.
 * @param boxes [{corners, title, words}]; the words, if any, can be selected.
 */
export function boxed({ source, name, size, boxes }) {
  const frame = make("div", { className: source ? "frame" : "frame sheet" });
  const overlay = draw("svg", { class: "boxes" });
  const fill = ({ width, height }) => {
    overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
    overlay.replaceChildren(...boxes.map((box, number) => group(box, number, Math.max(width, height))));
  };
  if (source) {
    const image = make("img", { alt: `The image ${name}` });
    image.addEventListener("load", () => fill(size ?? { width: image.naturalWidth, height: image.naturalHeight }));
    image.addEventListener("error", () => {
      if (!size) {
        frame.replaceWith(unseen({ name, reason: NOT_SHOWN }));
        return;
      }
      image.remove();
      frame.classList.add("sheet");
      fill(size);
    });
    image.src = source;
    frame.append(image);
  } else if (size) {
    fill(size);
  }
  if (boxes.length) frame.append(overlay);
  return frame;
}

/** Return a card in the place of an image that this page does not show. */
export function unseen({ name, reason }) {
  const title = make("strong", { textContent: name });
  return make("div", { className: "unseen-image" }, title, make("p", { textContent: reason }));
}

function group({ corners, title, words }, number, side) {
  const made = draw("g", { "data-row": number });
  made.append(draw("polygon", { points: corners.map((corner) => corner.join(",")).join(" ") }));
  if (words) made.append(line(corners, words));
  else made.append(draw("title", {}, title));
  made.append(badge(corners[0], number, side, Boolean(words)));
  return made;
}

/** Return the number of a box: left of a line of words, in the corner of anything else. */
function badge([x, y], number, side, isLine) {
  const radius = side / (isLine ? 65 : 40);
  const middle = isLine ? [Math.max(radius, x - radius * 1.2), y + radius] : [x + radius * 1.3, y + radius * 1.3];
  const made = draw("g", { class: "badge", "aria-hidden": "true" });
  made.append(draw("circle", { cx: middle[0], cy: middle[1], r: radius }));
  const place = { x: middle[0], y: middle[1] + radius * 0.42, "font-size": radius * 1.25, "text-anchor": "middle" };
  made.append(draw("text", place, String(number + 1)));
  return made;
}

/** Return a line's words in their places, along the upper edge of the line. */
function line([from, to, , foot], words) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  const along = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
  const height = Math.hypot(foot[0] - from[0], foot[1] - from[1]);
  const degrees = (Math.atan2(along[1], along[0]) * 180) / Math.PI;
  const made = draw("text", {
    class: "line",
    transform: `translate(${from[0]} ${from[1]}) rotate(${degrees})`,
    "font-size": height * LETTER_SHARE,
  });
  for (const { text, corners: [left, right] } of words) {
    const start = (left[0] - from[0]) * along[0] + (left[1] - from[1]) * along[1];
    const width = Math.hypot(right[0] - left[0], right[1] - left[1]);
    const place = { x: start, y: height * BASELINE_SHARE, textLength: Math.max(width, 1), lengthAdjust: "spacingAndGlyphs" };
    made.append(draw("tspan", place, text), " ");
  }
  return made;
}

/** Return a list with a numbered row for each box; its content comes from `render`. */
export function rows(boxes, render, label) {
  const list = make("ol", { className: "rows" });
  list.setAttribute("aria-label", label);
  boxes.forEach((box, number) => {
    const row = make("li");
    row.dataset.row = number;
    const badge = make("button", { type: "button", className: "badge", textContent: number + 1 });
    badge.tabIndex = number ? -1 : 0;
    badge.setAttribute("aria-label", `Show ${number + 1}: ${box.title}`);
    row.append(badge, render(box, number));
    list.append(row);
  });
  list.addEventListener("keydown", (event) => {
    const badges = [...list.querySelectorAll(".badge")];
    const choose = (chosen) => badges.forEach((one) => { one.tabIndex = one === chosen ? 0 : -1; });
    moveByKey(event, badges, choose, ROW_STEPS);
  });
  return list;
}

/** Light up a box and its row while one of them is pointed at, focused or touched. */
export function lightTogether(frame, list) {
  const light = (number) => {
    for (const one of [...frame.querySelectorAll("[data-row]"), ...list.children]) {
      one.classList.toggle("lit", one.dataset.row === number);
    }
  };
  for (const place of [frame, list]) {
    for (const name of ["pointerover", "focusin", "click"]) {
      place.addEventListener(name, (event) => light(event.target.closest("[data-row]")?.dataset.row));
    }
    place.addEventListener("pointerleave", () => light(undefined));
  }
  frame.addEventListener("click", () => list.querySelector(".lit")?.scrollIntoView({ block: "nearest" }));
}
