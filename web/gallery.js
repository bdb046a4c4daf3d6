// The gallery's front page.

import { showAccount } from "./account.js";
import { byId, messageFor } from "./dom.js";
import { startGrid } from "./grid.js";
import { isSending, sendFiles, startJourneys } from "./journeys.js";
import { takeNotice } from "./memory.js";

showAccount();
acceptFiles();
byId("notice").textContent = takeNotice();
setTimeout(() => (byId("notice").textContent = ""), 8_000);
startJourneys(await startGrid());

addEventListener("beforeunload", (event) => isSending() && event.preventDefault());

function send(files) {
  sendFiles([...files]).catch((error) => (byId("notice").textContent = messageFor(error)));
}

function acceptFiles() {
  const input = byId("files");
  byId("choose").onclick = () => input.click();
  input.onchange = () => {
    send(input.files);
    input.value = ""; // so that the same file can be picked again
  };
  let depth = 0; // entering a child comes before leaving its parent
  const dragged = (change) => (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    depth = change === 0 ? 0 : depth + change;
    document.body.classList.toggle("dragging", depth > 0);
  };
  document.addEventListener("dragenter", dragged(1));
  document.addEventListener("dragleave", dragged(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    dragged(0)(event);
    if (event.dataTransfer.files.length) send(event.dataTransfer.files);
  });
}
