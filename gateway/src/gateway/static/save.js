// Copies and downloads of answers.

/** Put a text on the clipboard and say so on the button; without HTTPS the old way is the only one. */
export async function copy(text, from) {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else copyBySelection(text);
  const label = from.textContent;
  from.textContent = "Copied";
  setTimeout(() => { from.textContent = label; }, 1500);
}

function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Save a text as a file. */
export function saveText(text, name, type = "text/plain") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  saveUrl(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Save what is at a URL of this gateway, or in a data: URL, as a file. */
export function saveUrl(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

/** Return the URL of a file that this gateway hosts as this page may load it, whatever host it was opened by. */
export function ownUrl(url) {
  const { pathname, protocol } = new URL(url, location.href);
  return protocol !== "data:" && pathname.startsWith("/content/") ? pathname : url;
}

/** Return the name of a file without its extension. */
export function stem(name) {
  return name.replace(/^.*\//, "").replace(/\.[^.]*$/, "") || "answer";
}
