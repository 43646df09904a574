// The API key of this tab.

const KEY_PLACE = "imagemesh-key"; // in the tab's session storage: gone when the tab is

/** Keep the key that a link brings in its fragment, and take it out of the address bar and the history. */
export function takeKeyOfLink() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return false;
  keepKey(key);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}

export function keptKey() {
  return sessionStorage.getItem(KEY_PLACE) ?? "";
}

export function keepKey(key) {
  sessionStorage.setItem(KEY_PLACE, key);
}

/** Return why a key cannot be sent; empty where it can. */
export function faultOfKey(key) {
  if (!key) return "give an API key";
  // A header takes no other characters.
  return /^[\x21-\x7e]+$/.test(key) ? "" : "the API key has a character that no key has; copy it again";
}
