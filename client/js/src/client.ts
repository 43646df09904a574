// Client of imagemesh, typed by the OpenAPI document of a gateway (`npm run build`).
import type { components, paths } from "./schema.js";

const API = "/api/v1/";
const PASSING = new Set([429, 503, 504]);
const LASTING = new Set(["not_installed", "model_not_installed", "language_not_installed"]);
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;

type Json<Content> = Content extends { content: { "application/json": infer Body } } ? Body : never;
type Post<Name extends string> = paths[`${typeof API}${Name}` & keyof paths] extends { post: infer Operation }
  ? Operation
  : never;
type Get<Name extends string> = paths[`${typeof API}${Name}` & keyof paths] extends { get: infer Operation }
  ? Operation
  : never;
type Last<Path> = Path extends `${typeof API}${infer Name}` ? Name : never;

/** Name of an endpoint, such as "ocr". */
export type Endpoint = {
  [Path in keyof paths]: paths[Path] extends { post: { requestBody: unknown } } ? Last<Path> : never;
}[keyof paths];
/** Name of a look-up, such as "languages". */
export type Lookup = {
  [Path in keyof paths]: paths[Path] extends { get: { parameters: { path?: never } } } ? Last<Path> : never;
}[keyof paths];
/** Parameters of an endpoint, besides the image. */
export type Parameters<Name extends Endpoint> = Post<Name> extends { requestBody: infer Body }
  ? Omit<Json<Body>, "image" | "url" | "webhook">
  : never;
/** Answer of an endpoint. */
export type Answer<Name extends Endpoint> = Post<Name> extends { responses: { 200: infer Good } } ? Json<Good> : never;
/** Answer of a look-up. */
export type Found<Name extends Lookup> = Get<Name> extends { responses: { 200: infer Good } } ? Json<Good> : never;
/** An image: a file, or a URL that the gateway fetches. */
export type Image = Blob | string | URL;

export interface Options {
  key?: string;
  /** Longest time of a call with all its retries. */
  timeoutMs?: number;
  fetch?: typeof globalThis.fetch;
}

/** An answer that is an error: a stable code, what to change, and the id to report. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string,
    readonly retryAfterMs: number,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** True where the same request may succeed a little later. */
  get mayRepeat(): boolean {
    return this.code === "request_in_progress" || (PASSING.has(this.status) && !LASTING.has(this.code));
  }
}

/** Asks one gateway; a call that is repeated is charged once. */
export class Client {
  private readonly url: string;
  private readonly options: Required<Options>;

  constructor(url = "http://127.0.0.1:8080", options: Options = {}) {
    this.url = url.replace(/\/+$/, "");
    this.options = { key: "", timeoutMs: 180_000, fetch: globalThis.fetch, ...options };
  }

  /** Return the answer of an endpoint, such as `ask("classify", { limit: 3 }, photo)`. */
  async ask<Name extends Endpoint>(name: Name, parameters: Parameters<Name>, image?: Image): Promise<Answer<Name>> {
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    return this.repeat(API + name, { method: "POST", ...encode(parameters, image, headers) });
  }

  /** Return the answer of a look-up, such as `look("languages")`. */
  async look<Name extends Lookup>(name: Name): Promise<Found<Name>> {
    return this.repeat(API + name, {});
  }

  private async repeat<Body>(path: string, request: RequestInit): Promise<Body> {
    const { key, timeoutMs } = this.options;
    const headers = { ...(request.headers as Record<string, string>), ...(key && { "X-API-Key": key }) };
    const ends = Date.now() + timeoutMs;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      const signal = AbortSignal.timeout(Math.max(0, ends - Date.now()));
      const response = await this.options.fetch(this.url + path, { ...request, headers, signal });
      if (response.status === 200 || response.status === 202) return (await response.json()) as Body;
      const error = await refusal(response);
      // At least half of the wait, so that callers spread.
      const sleepMs = error.retryAfterMs + (waitMs * (1 + Math.random())) / 2;
      if (!error.mayRepeat || Date.now() + sleepMs >= ends) throw error;
      await new Promise((resolve) => setTimeout(resolve, sleepMs));
    }
  }
}

function encode(parameters: object, image: Image | undefined, headers: Record<string, string>): RequestInit {
  if (image instanceof Blob) {
    const form = new FormData();
    for (const [name, value] of Object.entries(parameters)) form.append(name, String(value));
    form.append("image", image);
    return { headers, body: form };
  }
  const body = JSON.stringify(image === undefined ? parameters : { ...parameters, url: String(image) });
  return { headers: { ...headers, "Content-Type": "application/json" }, body };
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  const seconds = Number(response.headers.get("Retry-After") ?? 0);
  const retryAfterMs = Number.isFinite(seconds) ? 1000 * seconds : 0;
  try {
    const { error } = JSON.parse(text) as components["schemas"]["ErrorAnswer"];
    return new ApiError(response.status, error.code, error.message, error.request_id, retryAfterMs);
  } catch {
    const message = `${response.status} ${response.statusText}, from something other than imagemesh`;
    return new ApiError(response.status, "unknown", message, "", retryAfterMs);
  }
}
