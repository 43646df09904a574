// The page at /: asks the API what the form says and shows the answer.

import { actionsFor } from "./actions.js";
import { showAnswer, showImage } from "./answers.js";
import { ask, lookUp } from "./api.js";
import { programFor } from "./code.js";
import { at, make } from "./dom.js";
import { drawList, Item, watchFiles } from "./files.js";
import { faultOfKey, keepKey, keptKey, takeKeyOfLink } from "./key.js";
import { modelItems } from "./models.js";
import { copy } from "./save.js";
import { makeTabs } from "./tabs.js";

const AT_ONCE = 2; // requests on their way; one account may send more, but they would only wait
const PUBLIC_URL = document.body.dataset.publicUrl || location.origin; // as programs shall call it
const HOPELESS = [401, 403, 406, null]; // errors after which the other images are not sent

const STATES = {
  ready: "Nothing has been asked yet.",
  waiting: "Waiting …",
  working: "Working …",
  cancelled: "Cancelled.",
};

let job = null; // the tab of the job that is chosen
let items = []; // the images to send
let current = null; // the one that is shown
let running = null; // the AbortController of the requests on their way
let language = "curl";

const chooseJob = makeTabs(at("tabs"), (tab) => {
  if (job) history.replaceState(null, "", `#${tab.value}`); // a reload shows it again
  job = tab;
  at("summary").textContent = tab.dataset.summary;
  at("file").accept = tab.dataset.documents ? "image/*,application/pdf" : "image/*";
  at("sample").hidden = !tab.dataset.sample;
  const fields = tab.dataset.fields.split(" ");
  for (const place of document.querySelectorAll("[data-field]")) {
    place.hidden = !fields.includes(place.dataset.field);
  }
  const isOwn = items.some((item) => !item.sample);
  if (isOwn) setItems(items.map(({ file, url }) => new Item({ file, url })));
  else takeSample();
});
const chooseLanguage = makeTabs(at("languages-of-code"), (tab) => {
  language = tab.value;
  drawCode();
});

at("request").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
at("request").addEventListener("input", drawCode);
at("sample").addEventListener("click", takeSample);
at("url").addEventListener("input", () => {
  const url = at("url").value.trim();
  setItems(url ? [new Item({ url })] : []);
});
at("strength").addEventListener("input", () => { at("strength-value").textContent = at("strength").value; });
at("cancel").addEventListener("click", cancel);
at("copy-code").addEventListener("click", ({ target }) => copy(at("code").textContent, target));
// It is not folded yet: what lies below would move away from the pointer that took the focus.
at("key").addEventListener("change", () => keepKey(at("key").value.trim()));
at("lang").addEventListener("focus", () => loadLanguages().catch(() => {}));
addEventListener("hashchange", start);
watchFiles((files) => {
  at("url").value = "";
  setItems(files.map((file) => new Item({ file })));
}, complain);

chooseLanguage(at("code-curl"));
start();

/** Take the key and the job that the address names. */
function start() {
  const isKey = takeKeyOfLink();
  at("key").value = keptKey() || at("key").value;
  drawKey();
  if (isKey && job) return;
  const tabs = [...at("tabs").children];
  const named = tabs.find((tab) => tab.value === location.hash.slice(1));
  if (tabs.length && (named ?? tabs[0]) !== job) chooseJob(named ?? tabs[0]);
}

function useKey(key) {
  keepKey(key);
  drawKey();
}

function drawKey() {
  const key = at("key").value.trim();
  at("key-box").open = !key;
  at("key-name").textContent = key ? `${key.slice(0, 12)}…` : "";
}

function takeSample() {
  at("url").value = "";
  setItems(job?.dataset.sample ? [new Item({ sample: job.dataset.sample })] : []);
}

function setItems(others) {
  cancel();
  for (const item of items) item.release();
  items = others;
  complain("");
  show(items[0] ?? null);
}

function drawItems() {
  drawList(items, current, {
    onShow: show,
    onRemove: (item) => {
      items = items.filter((one) => one !== item);
      item.release();
      show(item === current ? items[0] : current);
    },
  });
}

/** Show an item: its answer where there is one, else the image. */
function show(item) {
  current = item;
  drawItems();
  drawCode();
  const places = { drawing: at("drawing"), words: at("words") };
  at("actions").replaceChildren();
  at("quality").hidden = at("raw").hidden = !item?.answer;
  at("answer-title").textContent = item?.answer ? "Answer" : "Image";
  at("state").textContent = stateOf(item);
  if (item?.answer) drawAnswer(item, places);
  else if (item) showImage(item.image, places);
  else for (const place of Object.values(places)) place.replaceChildren();
}

function stateOf(item) {
  if (!item) return "No image is chosen yet.";
  if (item.state === "done") {
    const { name, version, device } = item.answer.details.model;
    return `${name} ${version} on ${device}, ${item.seconds.toFixed(2)} s.`;
  }
  return STATES[item.state] ?? "No answer.";
}

function drawAnswer(item, places) {
  const { answer, request } = item;
  at("json").textContent = JSON.stringify(answer, null, 2);
  at("actions").replaceChildren(...actionsFor(item, items, complainOf));
  modelItems(answer.details, request.key).then((models) => {
    if (item === current) at("models").replaceChildren(...models);
  });
  try {
    showAnswer(request.view, answer, item.image, places);
  } catch (error) {
    complain("the answer cannot be drawn; it stands below as JSON");
    console.error(error);
  }
}

function complain(message, requestId = "") {
  const words = requestId ? [message, " (request ", make("code", { textContent: requestId }), ")"] : [message];
  at("fault").replaceChildren(...words);
  if (message) at("fault").scrollIntoView({ block: "nearest" });
}

function complainOf(error) {
  complain(error.message, error.requestId);
}

/** Return the fields of the request but the image. */
function fieldsFor(item) {
  const asked = job.dataset.fields.split(" ");
  const fields = { details: true };
  if (asked.includes("lang")) fields.lang = at("lang").value.trim() || "eng";
  const pages = at("pages").value.trim();
  if (asked.includes("pages") && pages && !item.sample) fields.pages = pages;
  const strength = Number(at("strength").value);
  if (asked.includes("strength") && strength !== 1) fields.strength = strength;
  if (asked.includes("format")) fields.format = "json"; // with the places of the words
  return fields;
}

function drawCode() {
  at("same").hidden = !current || !job;
  if (!current || !job) return;
  const address = `${PUBLIC_URL}/api/v1/${job.value}`;
  const request = { address, fields: fieldsFor(current), asJob: at("as-job").checked, ...current.placeAt(PUBLIC_URL) };
  const { text, hint } = programFor(language, request);
  at("code").textContent = text;
  at("code-hint").textContent = hint;
}

function whatIsMissing(key) {
  if (!job) return "no job of this page is switched on";
  if (!items.length) return "choose an image or give its URL";
  return items.map((item) => item.fault).find(Boolean) ?? faultOfKey(key);
}

async function run() {
  if (running) return;
  const key = at("key").value.trim();
  const missing = whatIsMissing(key);
  complain(missing);
  if (missing) {
    at("key-box").open ||= Boolean(faultOfKey(key));
    return;
  }
  useKey(key);
  const { signal } = running = new AbortController();
  const stop = startTimer(signal);
  wait(true);
  for (const item of items) Object.assign(item, { answer: null, message: "", state: "waiting" });
  show(current);
  await sendAll(items, { key, signal });
  stop();
  if (signal.aborted) return;
  running = null;
  wait(false);
  finish();
}

/** Send the items, a few at a time. */
async function sendAll(all, { key, signal }) {
  const queue = [...all];
  const lane = async () => {
    for (let item = queue.shift(); item && !signal.aborted; item = queue.shift()) {
      const error = await send(item, { key, signal });
      if (!error || !HOPELESS.includes(error.status)) continue;
      for (const left of queue.splice(0)) left.state = "cancelled";
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

/** Send one item, keep its answer in it, and return the error if there was one. */
async function send(item, { key, signal }) {
  const fields = fieldsFor(item);
  item.request = { endpoint: job.value, view: job.dataset.view, fields, asJob: at("as-job").checked, key };
  item.state = "working";
  if (item === current) at("state").textContent = stateOf(item);
  drawItems();
  const began = performance.now();
  const onJob = ({ id, status }) => {
    item.message = `${status}, job ${id}`;
    drawItems();
  };
  try {
    item.answer = await ask({ ...item.request, ...(await item.content()) }, { key, signal, onJob });
    Object.assign(item, { state: "done", message: "", seconds: (performance.now() - began) / 1000 });
  } catch (error) {
    if (signal.aborted) return null;
    Object.assign(item, { state: "failed", message: error.message });
    item.error = error;
  }
  if (signal.aborted) return null;
  if (items.length > 1) at("progress").value = items.filter(isOver).length;
  if (item === current) show(item);
  else drawItems();
  return item.state === "failed" ? item.error : null;
}

function isOver({ state }) {
  return state === "done" || state === "failed";
}

/** Say how it went. */
function finish() {
  const failed = items.filter(({ state }) => state === "failed");
  drawItems();
  if (failed.length) {
    if (items.length > 1) complain(`${failed.length} of ${items.length} failed; the list says why`);
    else complainOf(failed[0].error);
  }
  if (!current?.answer) return;
  at("answer").focus({ preventScroll: true });
  at("answer").scrollIntoView({ block: "nearest" }); // on a phone it lies below the form
}

function cancel() {
  if (!running) return;
  running.abort();
  running = null;
  for (const item of items) {
    if (item.state === "waiting" || item.state === "working") Object.assign(item, { state: "cancelled", message: "" });
  }
  wait(false);
  show(current);
}

function wait(isWaiting) {
  at("run").setAttribute("aria-disabled", String(isWaiting));
  at("cancel").hidden = at("progress").hidden = !isWaiting;
  if (items.length > 1) Object.assign(at("progress"), { max: items.length, value: 0 });
  else at("progress").removeAttribute("value"); // it moves, and tells no share
}

/** Count the seconds beside the button; return the function that stops it. */
function startTimer(signal) {
  const began = performance.now();
  const tick = () => {
    const over = items.length > 1 ? `${items.filter(isOver).length} of ${items.length} · ` : "";
    at("timer").textContent = `${over}${((performance.now() - began) / 1000).toFixed(1)} s`;
  };
  const timer = setInterval(tick, 100);
  const stop = () => {
    clearInterval(timer);
    at("timer").textContent = "";
  };
  tick();
  signal.addEventListener("abort", stop);
  return stop;
}

async function loadLanguages() {
  const key = at("key").value.trim();
  if (faultOfKey(key) || at("languages").childElementCount) return;
  const languages = (await lookUp("languages", key)).filter(({ installed }) => installed);
  const options = languages.map(({ name, code }) => new Option(name, code));
  at("languages").replaceChildren(new Option("find the language", "auto"), ...options);
}
