// The gallery's front page.

import { showAccount } from "./account.js";
import { byId, load, messageFor, notify } from "./dom.js";
import { startGrid } from "./grid.js";
import { startJourneys } from "./journeys.js";
import { takeNotice } from "./memory.js";

showAccount();
acceptFiles();
const notice = takeNotice();
if (notice) {
  notify(notice);
  byId("gallery").focus({ preventScroll: true });
}
startJourneys(await startGrid());
loadForLater().catch(() => {}); // each action loads what is missing

/** Load what actions need, so that they work or explain themselves without a connection. */
function loadForLater() {
  return Promise.all(["links", "own_photos", "sending", "sign_in"].map((name) => import(`./${name}.js`)));
}

async function send(files) {
  const chosen = [...files]; // the input is emptied
  try {
    const { sendFiles } = await load(() => import("./sending.js"));
    sendFiles(chosen);
  } catch (error) {
    notify(messageFor(error));
  }
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
