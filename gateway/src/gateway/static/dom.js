// Small functions that make elements.

const SVG = "http://www.w3.org/2000/svg";

/** Return the element with that id. */
export const at = (id) => document.getElementById(id);

/** Return a new element with these properties and children. */
export function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Return a new SVG element with these attributes and children. */
export function draw(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function paragraph(...children) {
  return make("p", {}, ...children);
}

export function hint(text) {
  return make("p", { className: "hint", textContent: text });
}

export function heading(text) {
  return make("h3", { textContent: text });
}

/** Return a text in lines of its own that can be scrolled by keyboard. */
export function block(text) {
  const made = make("pre", { textContent: text, tabIndex: 0 });
  made.setAttribute("aria-label", "Text");
  return made;
}

/** Return a button that does no submitting. */
export function button(text, onClick) {
  const made = make("button", { type: "button", className: "quiet", textContent: text });
  made.addEventListener("click", () => onClick(made));
  return made;
}
