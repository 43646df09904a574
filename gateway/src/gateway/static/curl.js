// The curl command that asks the same as the form did.

/** Return the command; the key stands in it as a variable, never itself. */
export function curlCommand(request, origin) {
  const lines = [`curl -sS ${quote(`${origin}/api/v1/${request.endpoint}`)}`];
  lines.push('-H "X-API-Key: $IMAGEMESH_API_KEY"');
  if (request.file) {
    lines.push(`-F ${quote(`image=@${request.file.name || "picture.png"}`)}`);
    for (const [name, value] of Object.entries(request.fields)) {
      lines.push(`-F ${quote(`${name}=${value}`)}`);
    }
  } else {
    lines.push("-H 'Content-Type: application/json'");
    lines.push(`-d ${quote(JSON.stringify({ url: request.url, ...request.fields }))}`);
  }
  return lines.join(" \\\n  ");
}

/** Return a word as the shell takes it literally. */
function quote(word) {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
