// Links between the pages. Without a connection the page says so, and opens the link when the
// connection is back; the browser would replace the page by an error page of its own.

import { isReachable, probe } from "./api.js";
import { messageFor, notify, until } from "./dom.js";

let wanted = null; // the address of the last link

/** Keep this page open while the gallery cannot be reached. */
export function waitForConnection() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='/']");
    const newTab = event.button || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    if (!link || newTab || isReachable()) return;
    event.preventDefault();
    openLater(link.href);
  });
}

async function openLater(address) {
  wanted = address;
  const onError = (error) => {
    if (wanted === address) notify(`${messageFor(error)} The page opens when the connection is back.`);
  };
  await until(() => wanted !== address || probe(), undefined, { onError });
  if (wanted === address) location.assign(address);
}
