// Links between the pages. Without a connection the page says so and opens the link when the
// connection is back. The browser would show an error page of its own instead.

import { isReachable } from "./api.js";
import { ConnectionError, messageFor, notify, until } from "./dom.js";

let wanted = null; // the address of the last link

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/']");
  const newTab = event.button || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
  if (!link || newTab || isReachable()) return;
  event.preventDefault();
  openLater(link.href);
});

async function openLater(address) {
  wanted = address;
  const onError = (error) => {
    if (wanted === address) notify(`${messageFor(error)} The page opens when the connection is back.`);
  };
  await until(() => wanted !== address || probe(), undefined, { onError });
  if (wanted === address) location.assign(address);
}

async function probe() {
  const answer = await fetch("/", { method: "HEAD", cache: "no-cache" }).catch(() => null);
  if (!answer?.ok) throw new ConnectionError("The gallery cannot be reached. Check your connection.");
  return true;
}
