// An image before and after, with an edge between them that can be dragged.

import { make } from "./dom.js";

/** Return both images on each other; the slider lies over them, and takes arrows as well. */
export function beforeAndAfter(before, after) {
  const image = make("img", { src: after, alt: "The image in color", className: "after" });
  if (!before) return make("div", { className: "frame" }, make("img", { src: after, alt: "The image in color" }));
  const edge = make("div", { className: "edge" });
  const slider = make("input", { type: "range", min: 0, max: 100, value: 50, className: "over" });
  slider.setAttribute("aria-label", "Share of the image that is shown without color");
  const uncover = () => {
    image.style.clipPath = `inset(0 0 0 ${slider.value}%)`;
    edge.style.left = `${slider.value}%`;
    slider.setAttribute("aria-valuetext", `${slider.value} percent without color`);
  };
  slider.addEventListener("input", uncover);
  uncover();
  const frame = make("div", { className: "frame compared" });
  const under = make("img", { src: before, alt: "The image as it came" });
  // Browsers do not show every kind of image, such as TIFF; the colored one they do.
  under.addEventListener("error", () => frame.replaceWith(beforeAndAfter(null, after)));
  frame.append(under, image, slider, edge);
  return frame;
}
