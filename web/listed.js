// Whether the catalog lists a photo.

import { getPhoto, listPhotos } from "./api.js";
import { until } from "./dom.js";

let newest = null;
let asked = 0;

/** The newest photos of the catalog; callers that ask at the same time share the request. */
function listNewest() {
  if (Date.now() - asked > 200) {
    asked = Date.now();
    newest = listPhotos(50);
  }
  return newest;
}

/** The photo in the catalog, or undefined. Lists have the newest photo first, and ids sort by time. */
async function findListed(id) {
  for (let page = await listNewest(); ; page = await listPhotos(50, page.cursor)) {
    const found = page.photos.find(({ photo_id: listed }) => listed <= id);
    if (found || !page.cursor) return found?.photo_id === id ? found : undefined;
  }
}

/**
 * The photo once the catalog lists it; throws an ApiError of status 404 once it is deleted. `options`
 * are those of `until`.
 */
export async function untilListed(id, options) {
  let tries = 0;
  return until(async () => {
    const found = await findListed(id);
    tries += 1;
    if (!found && tries > 3) await getPhoto(id);
    return found;
  }, Boolean, options);
}
