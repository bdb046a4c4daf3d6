// The gallery's front page.

import { showAccount } from "./account.js";
import { byId, notify } from "./dom.js";
import { follow } from "./follow.js";
import { startGrid } from "./grid.js";
import { startJourneys } from "./journeys.js";
import "./links.js";
import { takeNotice } from "./memory.js";
import { startOwnPhotos } from "./own_photos.js";
import { sendFiles } from "./sending.js";

showAccount();
acceptFiles();
const notice = takeNotice();
if (notice) {
  notify(notice);
  byId("gallery").focus({ preventScroll: true });
}
startJourneys(await startGrid()).forEach(follow);
startOwnPhotos();

function acceptFiles() {
  const input = byId("files");
  byId("choose").onclick = () => input.click();
  input.onchange = () => {
    sendFiles([...input.files]);
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
    if (event.dataTransfer.files.length) sendFiles([...event.dataTransfer.files]);
  });
}
