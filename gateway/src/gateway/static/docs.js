// The page at /docs: Scalar over this gateway's own OpenAPI document.

import { keptKey } from "./key.js";

// Programs that Scalar can write, but for curl, Python, JavaScript and Go without packages.
const OTHER_LANGUAGES = ["c", "clojure", "csharp", "dart", "fsharp", "http", "java", "julia", "kotlin", "node", "objc", "ocaml", "php", "powershell", "r", "ruby", "rust", "swift"];
const OTHER_CLIENTS = {
  shell: ["httpie", "wget"],
  python: ["aiohttp", "httpx_async", "httpx_sync", "requests"],
  js: ["axios", "jquery", "ofetch", "xhr"],
};

document.querySelector("#reference").replaceChildren();
Scalar.createApiReference("#reference", {
  url: "/openapi.json",
  authentication: {
    preferredSecurityScheme: "ApiKey",
    securitySchemes: { ApiKey: { value: keptKey() } },
  },
  hiddenClients: { ...Object.fromEntries(OTHER_LANGUAGES.map((name) => [name, true])), ...OTHER_CLIENTS },
  documentDownloadType: "direct",
  // Its faint text has a contrast of 3.3 in light and 4.2 in dark; WCAG asks for 4.5.
  customCss: `
    .light-mode { --scalar-color-3: #5f5f5f; --scalar-color-green: #00704a; --scalar-color-orange: #a84300; --scalar-color-blue: #0068b0; }
    .dark-mode { --scalar-color-3: #a3a3a3; }
  `,
  // Nothing of other hosts, and no service of Scalar's own.
  agent: { disabled: true },
  hideClientButton: true,
  mcp: { disabled: true },
  showDeveloperTools: "never",
  telemetry: false,
  withDefaultFonts: false,
});

// Its fields with suggestions do not say whether the list is open, as the role asks.
new MutationObserver(() => {
  for (const field of document.querySelectorAll('[role="combobox"]:not([aria-expanded])')) field.setAttribute("aria-expanded", "false");
}).observe(document.body, { childList: true, subtree: true });
