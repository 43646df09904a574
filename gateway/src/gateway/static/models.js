// What is known of the models that gave an answer, with their cards.

import { lookUp } from "./api.js";
import { make } from "./dom.js";

let known = null; // the models of this gateway by name, looked up once

/** Return an item of a list for each model of an answer: its card, where it ran, its source and licence. */
export async function modelItems(details, key) {
  const { model, analysis_model, summary_model, sentiment_model, face_model } = details;
  const all = [model, analysis_model, summary_model, sentiment_model, face_model].filter(Boolean);
  const used = new Map(all.map((one) => [one.name, one])).values();
  const told = await capabilities(key);
  return [...used].map(({ name, version, device, provider }) => {
    const item = make("li", {}, make("strong", { textContent: `${name} ${version}` }));
    const model = told[name];
    if (model?.card) item.append(" ", linkTo(model.card, name));
    const facts = [[device, provider].filter(Boolean).join(", "), model?.source, model?.licence];
    item.append(make("span", { className: "facts", textContent: facts.filter(Boolean).join(" · ") }));
    return item;
  });
}

/** Return a link to the page that `make docs` wrote of a card; the answer stays in this tab. */
function linkTo(card, name) {
  const href = `/static/card-${card.replace("/README.md", "").replaceAll("/", "-")}.html`;
  return make("a", { href, target: "_blank", textContent: `model card of ${name}` });
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
