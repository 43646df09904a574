// Programs that send the same request as the form; each runs as it stands.

const KEY_HINT = "Set the key before: export IMAGEMESH_API_KEY=$(cat .run/api-key)";

/** By the value of a tab: the writer of the program, and what to know before it is run. */
const LANGUAGES = {
  curl: { write: curl, hint: `${KEY_HINT}` },
  python: { write: python, hint: `Python 3, nothing to install. ${KEY_HINT}` },
  javascript: { write: javascript, hint: `Node 18 or later, saved as ask.mjs: node ask.mjs. ${KEY_HINT}` },
  go: { write: go, hint: `Saved as main.go: go run main.go. ${KEY_HINT}` },
};

/**
 * Return the program and the hint for a language.
 *
 * The request has `address`, `fields`, `asJob`, and its image as `url` or `fileName`; the key stands in the program as
 * a variable, never itself.
 */
export function programFor(language, request) {
  const { write, hint } = LANGUAGES[language];
  const place = request.url ? "" : `${request.fileName} is read from the current folder. `;
  return { text: write(request), hint: place + hint };
}

function curl({ address, fields, asJob, url, fileName }) {
  const lines = [`curl -sS ${quoted(address)}`, '-H "X-API-Key: $IMAGEMESH_API_KEY"'];
  if (asJob) lines.push("-H 'Prefer: respond-async'");
  if (url) {
    lines.push("-H 'Content-Type: application/json'");
    lines.push(`-d ${quoted(JSON.stringify({ url, ...fields }))}`);
  } else {
    // A comma or semicolon in a name would end it; the quotes are curl's own.
    const path = fileName.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
    lines.push(`-F ${quoted(`image=@"${path}"`)}`);
    for (const [name, value] of Object.entries(fields)) lines.push(`-F ${quoted(`${name}=${value}`)}`);
  }
  return lines.join(" \\\n  ");
}

/** Return a word as the shell takes it literally. */
function quoted(word) {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function python({ address, fields, asJob, url, fileName }) {
  const image = url
    ? `    "url": ${JSON.stringify(url)},\n`
    : `    "image": base64.b64encode(open(${JSON.stringify(fileName)}, "rb").read()).decode(),\n`;
  const others = Object.entries(fields).map(([name, value]) => `    "${name}": ${pythonValue(value)},\n`);
  return `${url ? "" : "import base64\n"}import json
import os
import urllib.request

body = {
${image}${others.join("")}}
headers = {
    "X-API-Key": os.environ["IMAGEMESH_API_KEY"],
    "Content-Type": "application/json",
${asJob ? '    "Prefer": "respond-async",\n' : ""}}
request = urllib.request.Request(
    "${address}", json.dumps(body).encode(), headers
)
with urllib.request.urlopen(request) as response:
    print(json.dumps(json.load(response), indent=2))
`;
}

function pythonValue(value) {
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}

function javascript({ address, fields, asJob, url, fileName }) {
  const prefer = asJob ? '\n    Prefer: "respond-async",' : "";
  const body = { url, ...fields };
  const content = url
    ? `const body = JSON.stringify(${JSON.stringify(body, null, 2)});\n`
    : `const body = new FormData();
body.set("image", new Blob([await readFile(${JSON.stringify(fileName)})]), ${JSON.stringify(fileName)});
${Object.entries(fields).map(([name, value]) => `body.set("${name}", ${JSON.stringify(String(value))});\n`).join("")}`;
  return `${url ? "" : 'import { readFile } from "node:fs/promises";\n\n'}${content}const response = await fetch("${address}", {
  method: "POST",
  headers: {
    "X-API-Key": process.env.IMAGEMESH_API_KEY,${url ? '\n    "Content-Type": "application/json",' : ""}${prefer}
  },
  body,
});
console.log(JSON.stringify(await response.json(), null, 2));
`;
}

function go({ address, fields, asJob, url, fileName }) {
  const image = url
    ? `		"url": ${JSON.stringify(url)},\n`
    : `		"image": image, // base64 in JSON\n`;
  const read = url ? "" : `	image, err := os.ReadFile(${JSON.stringify(fileName)})\n	check(err)\n`;
  const others = Object.entries(fields).map(([name, value]) => `		"${name}": ${JSON.stringify(value)},\n`);
  return `package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
${read}	body, err := json.Marshal(map[string]any{
${image}${others.join("")}	})
	check(err)
	request, err := http.NewRequest("POST", "${address}", bytes.NewReader(body))
	check(err)
	request.Header.Set("X-API-Key", os.Getenv("IMAGEMESH_API_KEY"))
	request.Header.Set("Content-Type", "application/json")
${asJob ? '	request.Header.Set("Prefer", "respond-async")\n' : ""}	response, err := http.DefaultClient.Do(request)
	check(err)
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	check(err)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
`;
}
