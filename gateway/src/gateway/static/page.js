// The page at /: asks the API what the form says and shows the answer.

import { curlCommand } from "./curl.js";
import { showAnswer } from "./answers.js";

const KEY_PLACE = "imagemesh-key"; // in the tab's session storage: gone when the tab is
const MOST_BYTES = 10 * 1024 * 1024;
const EXAMPLE = "/content/examples/letter.png";

const at = (id) => document.getElementById(id);
const form = at("request");

let file = null; // the chosen image; a URL that is typed later takes its place
let pages = {}; // by the name of an endpoint: label, view of the answer, and fields of the form
let asked = 0; // the last request; answers of earlier ones are not shown

at("key").value = sessionStorage.getItem(KEY_PLACE) ?? "";

form.addEventListener("change", showOptions);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
at("file").addEventListener("change", (event) => choose(event.target.files[0] ?? null));
at("url").addEventListener("input", () => choose(null));
at("example").addEventListener("click", () => {
  choose(null);
  at("file").value = "";
  at("url").value = new URL(EXAMPLE, location.href).href;
});
at("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(at("curl").textContent);
  at("copy").textContent = "Copied";
});
addEventListener("paste", (event) => {
  const pasted = [...(event.clipboardData?.files ?? [])].find(isReadable);
  if (pasted) choose(pasted);
});

const drop = at("drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const dropped = [...event.dataTransfer.files].find(isReadable);
  if (dropped) choose(dropped);
  else complain("that is neither an image nor a PDF");
});

showEndpoints().catch(() => complain("the gateway cannot be reached; is it running?"));

/** Offer the endpoints that are on, as the reference describes them. */
async function showEndpoints() {
  const { paths } = await (await fetch("/openapi.json")).json();
  const described = Object.values(paths).flatMap(({ post }) => (post?.["x-page"] ? [post] : []));
  pages = Object.fromEntries(described.map((post) => [post.operationId, post["x-page"]]));
  for (const [name, { label }] of Object.entries(pages)) {
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "endpoint", value: name });
    input.checked = !endpoint();
    const around = document.createElement("label");
    around.append(input, ` ${label}`);
    at("endpoints").append(around);
  }
  showOptions();
}

function isReadable(candidate) {
  return candidate.type.startsWith("image/") || candidate.type === "application/pdf";
}

function choose(picture) {
  file = picture;
  if (picture) at("url").value = "";
  at("chosen").textContent = picture ? `${picture.name || "pasted image"} is chosen.` : "";
}

function showOptions() {
  at("language").hidden = !pages[endpoint()]?.fields.includes("lang");
}

function endpoint() {
  return new FormData(form).get("endpoint");
}

function complain(message) {
  at("fault").textContent = message;
}

/** Return the fields of the request but the image. */
function fields() {
  const chosen = { details: true };
  if (pages[endpoint()]?.fields.includes("lang")) chosen.lang = at("lang").value.trim() || "eng";
  return chosen;
}

function whatIsMissing() {
  if (!file && !at("url").value.trim()) return "choose an image or give its URL";
  if (file && file.size > MOST_BYTES) return "the image is over 10 MiB; choose a smaller one";
  if (!at("key").value.trim()) return "give an API key";
  return "";
}

async function run() {
  const missing = whatIsMissing();
  complain(missing);
  if (missing) return;
  const key = at("key").value.trim();
  sessionStorage.setItem(KEY_PLACE, key);
  const request = { endpoint: endpoint(), fields: fields(), file, url: at("url").value.trim() };
  const number = ++asked;
  wait(true);
  const began = performance.now();
  const reply = await post(request, key).catch(() => null);
  if (number !== asked) return;
  wait(false);
  if (!reply) fail("the gateway cannot be reached; is it running?");
  else showOutcome(request, reply.status, reply.answer, performance.now() - began);
}

function wait(isWaiting) {
  at("run").setAttribute("aria-disabled", String(isWaiting));
  if (isWaiting) at("state").textContent = "Working …";
}

async function post(request, key) {
  const headers = { "X-API-Key": key };
  let body;
  if (request.file) {
    body = new FormData();
    for (const [name, value] of Object.entries(request.fields)) body.set(name, String(value));
    body.set("image", request.file);
  } else {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify({ url: request.url, ...request.fields });
  }
  const response = await fetch(`/api/v1/${request.endpoint}`, { method: "POST", headers, body });
  const text = await response.text();
  try {
    return { status: response.status, answer: JSON.parse(text) };
  } catch {
    return { status: response.status, answer: null };
  }
}

function showOutcome(request, status, answer, milliseconds) {
  if (!answer) {
    fail(`${status}: the answer is not the gateway's; a proxy before it may be at fault`);
    return;
  }
  at("curl").textContent = curlCommand(request, location.origin);
  at("copy").textContent = "Copy";
  at("json").textContent = JSON.stringify(answer, null, 2);
  at("same").hidden = at("raw").hidden = false;
  if (status !== 200) {
    fail(`${status}: ${answer.error.message} (request ${answer.error.request_id})`);
    return;
  }
  const model = answer.details.model;
  const seconds = (milliseconds / 1000).toFixed(2);
  at("state").textContent = `${model.name} ${model.version} on ${model.device}, ${seconds} s.`;
  try {
    showAnswer(pages[request.endpoint].answer, request, answer, { drawing: at("drawing"), words: at("words") });
  } catch (error) {
    fail("the answer cannot be drawn; it stands below as JSON");
    throw error;
  }
  at("answer").focus();
}

function fail(message) {
  complain(message);
  at("state").textContent = "No answer.";
  at("drawing").replaceChildren();
  at("words").replaceChildren();
}

async function loadLanguages() {
  const key = at("key").value.trim();
  if (!key || at("languages").childElementCount) return;
  const response = await fetch("/api/v1/languages", { headers: { "X-API-Key": key } });
  if (!response.ok) return;
  const { result } = await response.json();
  const options = result
    .filter((language) => language.installed)
    .map((language) => new Option(language.name, language.code));
  at("languages").replaceChildren(...options);
}

at("lang").addEventListener("focus", () => loadLanguages().catch(() => {}));
