// Copies and downloads that an answer offers.

import { imageOf, textOf } from "./answers.js";
import { ask } from "./api.js";
import { button } from "./dom.js";
import { copy, ownUrl, saveText, saveUrl, stem } from "./save.js";

const PDF = "Save as searchable PDF";

/** Return the buttons for the answer of an item, one of `items`; `onError` is told why a PDF cannot be had. */
export function actionsFor(item, items, onError) {
  const { answer, request } = item;
  const name = stem(item.name);
  const text = textOf(answer);
  const image = imageOf(answer);
  const json = JSON.stringify(answer, null, 2);
  const actions = [];
  if (text) {
    actions.push(button("Copy text", (made) => copy(text, made)));
    actions.push(button("Save text", () => saveText(text, `${name}.txt`)));
  }
  if (image) actions.push(button("Save the colored image", () => saveUrl(image, `${name}-colorized.${endingOf(image)}`)));
  if (request.fields.format) actions.push(button(PDF, (made) => savePdf(item, { made, onError })));
  actions.push(button("Copy JSON", (made) => copy(json, made)));
  actions.push(button("Save JSON", () => saveText(json, `${name}.json`, "application/json")));
  if (items.length > 1) actions.push(button("Save all answers", () => saveAll(items)));
  return actions;
}

/** Return the extension of an image by its URL, which may be a data: URL. */
function endingOf(url) {
  return url.startsWith("data:image/") ? url.slice(11, url.indexOf(";")) : url.split(".").pop();
}

/** Ask for the PDF, which is a request of its own, and save it. */
async function savePdf(item, { made, onError }) {
  made.disabled = true;
  made.textContent = "Making the PDF …";
  try {
    const fields = { ...item.request.fields, format: "pdf" };
    const request = { ...item.request, fields, asJob: false, ...(await item.content()) };
    const { result } = await ask(request, { key: request.key });
    saveUrl(ownUrl(result.pdf), `${stem(item.name)}.pdf`);
  } catch (error) {
    onError(error);
  }
  made.disabled = false;
  made.textContent = PDF;
}

function saveAll(items) {
  const all = items.map(({ name, state, answer, message }) => ({ file: name, state, answer, error: message || null }));
  saveText(JSON.stringify(all, null, 2), "answers.json", "application/json");
}
