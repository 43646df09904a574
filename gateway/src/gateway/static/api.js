// Requests to the API of this gateway, answered at once or as a job.

const POLL_MS = [300, 500, 1000, 2000]; // the waits between two looks at a job; the last one stays

/** Error that the page shows: why there is no answer. */
export class Refused extends Error {
  constructor(message, { status = null, requestId = "" } = {}) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }
}

/**
 * Return the JSON of the answer to a request.
 *
 * A request has `endpoint`, `fields`, `asJob`, and its image as `file` or `url`.
 * `onJob` is told the state of a job as often as it is looked at.
 */
export async function ask(request, { key, signal, onJob }) {
  const { headers, body } = encoded(request);
  headers["X-API-Key"] = key;
  if (request.asJob) headers.Prefer = "respond-async";
  const reply = await send(`/api/v1/${request.endpoint}`, { method: "POST", headers, body, signal });
  return request.asJob ? followed(reply.result, { key, signal, onJob }) : reply;
}

/** Return the result of a look-up, such as "languages". */
export async function lookUp(name, key) {
  return (await send(`/api/v1/${name}`, { headers: { "X-API-Key": key } })).result;
}

function encoded({ file, url, fields }) {
  if (!file) {
    return { headers: { "Content-Type": "application/json" }, body: JSON.stringify({ url, ...fields }) };
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, String(value));
  form.set("image", file);
  return { headers: {}, body: form };
}

/** Return the content of a file that this gateway hosts. */
export async function load(path) {
  const { ok, status, content } = await received(path, {}, (response) => response.blob());
  if (!ok) throw new Refused(`${status}: ${path} is not there`, { status });
  return content;
}

async function received(path, options, read) {
  try {
    const response = await fetch(path, options);
    return { ok: response.ok, status: response.status, content: await read(response) };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("the gateway cannot be reached; is it running?");
  }
}

async function send(path, options) {
  const { ok, status, content } = await received(path, options, (response) => response.text());
  const json = parsed(content);
  if (ok && json) return json;
  if (!json?.error) {
    throw new Refused(`${status}: the answer is not the gateway's; a proxy before it may be at fault`, { status });
  }
  throw refusal(status, json);
}

function refusal(status, { error }) {
  return new Refused(`${status}: ${error.message}`, { status, requestId: error.request_id });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Look at a job until it is over, and return its answer; a cancelled one is deleted. */
async function followed(job, { key, signal, onJob }) {
  const headers = { "X-API-Key": key };
  try {
    for (let looks = 0; !job.answer; looks += 1) {
      onJob(job);
      await waited(POLL_MS[Math.min(looks, POLL_MS.length - 1)], signal);
      job = (await send(job.url, { headers, signal })).result;
    }
  } catch (error) {
    if (error.name === "AbortError") fetch(job.url, { method: "DELETE", headers }).catch(() => {});
    throw error;
  }
  const { status, body } = job.answer;
  if (status === 200) return body;
  throw refusal(status, body);
}

function waited(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
