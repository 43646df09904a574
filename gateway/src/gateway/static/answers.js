// The views of answers: drawn on the image and written in words.

const SVG = "http://www.w3.org/2000/svg";

const FEW_FACES = 3;

// By the name that the table of endpoints has for the view of an answer.
const VIEWS = {
  colors: showColors,
  text: showText,
  analysis: showAnalysis,
  faces: showFaces,
  labels: showLabels,
  nudity: showNudity,
};

let shown = null; // the object URL of the last image, given back when the next one comes

/** Fill the two places with the answer of a request. */
export function showAnswer(view, request, answer, { drawing, words }) {
  if (shown) URL.revokeObjectURL(shown);
  shown = request.file ? URL.createObjectURL(request.file) : null;
  const picture = { source: shown ?? ownPicture(request.url), name: pictureName(request) };
  drawing.replaceChildren();
  words.replaceChildren();
  VIEWS[view](answer, picture, { drawing, words });
}

/** Return the URL of an image that this gateway hosts; this page loads nothing from elsewhere. */
function ownPicture(url) {
  return url.startsWith(`${location.origin}/`) ? url : null;
}

function pictureName(request) {
  return request.file ? request.file.name || "pasted image" : request.url;
}

function showColors({ result, details }, picture, { drawing, words }) {
  const frame = make("div", { className: "picture" });
  const after = make("img", { src: result.colorized, alt: "The image in color" });
  frame.append(after);
  drawing.append(frame);
  if (picture.source) drawing.append(beforeAndAfter(frame, after, picture));
  const link = make("a", { href: result.colorized, textContent: "The colored image", download: "" });
  words.append(paragraph(link));
  if (details.already_coloured) {
    words.append(paragraph("The image has colors already; it was left as it is."));
  }
}

/** Put the image under its colored copy, and return the slider that uncovers it. */
function beforeAndAfter(frame, after, picture) {
  const before = make("img", { src: picture.source, alt: "The image as it came" });
  frame.prepend(before);
  after.className = "after";
  const slider = make("input", { type: "range", min: 0, max: 100, value: 50, className: "slider" });
  slider.setAttribute("aria-label", "Share of the image that is shown without color");
  const uncover = () => {
    after.style.clipPath = `inset(0 0 0 ${slider.value}%)`;
    slider.setAttribute("aria-valuetext", `${slider.value} percent without color`);
  };
  slider.addEventListener("input", uncover);
  uncover();
  return slider;
}

function showText({ result, details }, picture, { drawing, words }) {
  showLines(drawing, picture, details);
  words.append(block(result.text || "No text was found."));
}

/** Draw the boxes of the lines; a document has none, only its number of pages. */
function showLines(drawing, picture, details) {
  if (details.page_count) drawing.append(paragraph(`Pages: ${details.page_count}.`));
  else drawBoxes(drawing, picture, details, (details.lines ?? []).map(({ corners, text }) => ({ corners, title: text })));
}

function showAnalysis({ result, details }, picture, { drawing, words }) {
  showLines(drawing, picture, details);
  if (result.notice) words.append(paragraph(result.notice));
  const { sentiment } = result;
  words.append(
    heading("Summary"), paragraph(result.text.summary || "None."),
    heading("Sentiment"), table("", [[sentiment.result, sentiment.confidence]]),
    heading("Tags"), paragraph(result.tags || "None."),
    heading("Text"), block(result.text.full_text || "No text was found."),
  );
}

function showFaces({ result, details }, picture, { drawing, words }) {
  const boxes = result.map(({ faceCoordinates: [box], emotions }, index) => ({
    corners: [[box.left, box.top], [box.right, box.top], [box.right, box.bottom], [box.left, box.bottom]],
    title: `Face ${index + 1}: ${emotions[0].emotion}`,
  }));
  drawBoxes(drawing, picture, details, boxes);
  if (result.length) words.append(...tablesOfFaces(result));
  else words.append(paragraph("No face was found."));
  words.append(paragraph("These are visible expressions as a model reads them, not what anyone feels."));
}

/** Return a table for each of a few faces; for many, one of their likeliest and the rest folded. */
function tablesOfFaces(faces) {
  const tables = faces.map(({ emotions }, index) =>
    table(`Face ${index + 1}, from the left`, emotions.map(({ emotion, confidence }) => [emotion, confidence])),
  );
  if (faces.length <= FEW_FACES) return tables;
  const likeliest = faces.map(({ emotions: [first] }, index) => [`${index + 1}: ${first.emotion}`, first.confidence]);
  const folded = make("details");
  folded.append(make("summary", { textContent: "All seven of each face" }), ...tables);
  return [table("Faces from the left, the likeliest of each", likeliest), folded];
}

function showLabels({ result, details }, picture, { drawing, words }) {
  drawBoxes(drawing, picture, details, []);
  words.append(table("What it shows", result.map(({ tag, confidence }) => [tag, confidence])));
}

function showNudity({ result, details }, picture, { words }) {
  words.append(
    paragraph(result.isNude ? "Nudity was found." : "No nudity was found."),
    table(`Score; nude from ${details.threshold}`, [["score", result.confidence]]),
  );
}

/** Draw the image with boxes over it; without its image, boxes on an empty ground. */
function drawBoxes(drawing, picture, details, boxes) {
  const frame = make("div", { className: "picture" });
  drawing.append(frame);
  const overlay = document.createElementNS(SVG, "svg");
  overlay.setAttribute("role", "img");
  overlay.setAttribute("aria-label", `${boxes.length} boxes on the image`);
  for (const { corners, title } of boxes) overlay.append(polygon(corners, title));
  if (!picture.source) {
    drawing.replaceChildren(paragraph("The image is not shown: this page loads nothing from other hosts."));
    return;
  }
  const image = make("img", { alt: `The image ${picture.name}` });
  image.addEventListener("load", () => {
    overlay.setAttribute("viewBox", `0 0 ${image.naturalWidth} ${image.naturalHeight}`);
    if (boxes.length) frame.append(overlay);
  });
  image.src = picture.source;
  frame.append(image);
}

function polygon(corners, title) {
  const shape = document.createElementNS(SVG, "polygon");
  shape.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
  const label = document.createElementNS(SVG, "title");
  label.textContent = title;
  shape.append(label);
  return shape;
}

function table(title, rows) {
  const made = make("table");
  if (title) made.append(make("caption", { textContent: title }));
  for (const [name, confidence] of rows) {
    const row = made.insertRow();
    row.append(make("th", { scope: "row", textContent: name }));
    const bar = make("meter", { min: 0, max: 1, value: confidence });
    bar.setAttribute("aria-hidden", "true");
    row.insertCell().append(bar);
    const number = row.insertCell();
    number.className = "number";
    number.textContent = confidence.toFixed(3);
  }
  return made;
}

function heading(text) {
  return make("h3", { textContent: text });
}

function block(text) {
  const made = make("pre", { textContent: text, tabIndex: 0 });
  made.setAttribute("aria-label", "Text");
  return made;
}

function paragraph(...parts) {
  const made = make("p");
  made.append(...parts);
  return made;
}

function make(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}
