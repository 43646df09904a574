// What is known of the models that gave an answer, with their cards.

import { lookUp } from "./api.js";
import { make } from "./dom.js";

let known = null; // the models of this gateway by name, looked up once

/** Return a table of the models of an answer: where they ran, their licence and their card. */
export async function modelTable(details, key) {
  const used = [details.model, details.analysis_model, details.face_model].filter(Boolean);
  const told = await capabilities(key);
  const table = make("table", {}, make("thead", {}, headings("Model", "Ran on", "From", "How good")));
  const body = table.createTBody();
  for (const { name, version, device, provider } of used) {
    const row = body.insertRow();
    row.append(make("th", { scope: "row", textContent: `${name} ${version}` }));
    row.insertCell().append([device, provider].filter(Boolean).join(", "));
    const model = told[name];
    row.insertCell().append(model ? `${model.source}; ${model.licence}` : "");
    row.insertCell().append(model?.card ? linkTo(model.card) : "");
  }
  return table;
}

function headings(...texts) {
  return make("tr", {}, ...texts.map((text) => make("th", { scope: "col", textContent: text })));
}

/** Return a link to the page that `make docs` wrote of a card; the answer stays in this tab. */
function linkTo(card) {
  const href = `/static/card-${card.replace("/README.md", "").replaceAll("/", "-")}.html`;
  return make("a", { href, target: "_blank", textContent: "model card" });
}

/** A key that may not look them up still gets the names that the answer tells. */
async function capabilities(key) {
  try {
    known ??= Object.fromEntries((await lookUp("capabilities", key)).models.map((model) => [model.name, model]));
  } catch {
    return {};
  }
  return known;
}
