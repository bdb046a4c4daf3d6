// What the page knows of its stack. Publishing writes it into the page (ops/publish_site.py).

import { byId } from "./dom.js";

export const configuration = JSON.parse(byId("configuration").textContent);
