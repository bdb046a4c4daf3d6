// What happens to an uploaded photo, as far as the public API shows it.

import * as api from "./api.js";
import { deletion } from "./deletion.js";
import { announce, duration, isolated, until, UserError } from "./dom.js";
import { addPhotos } from "./grid.js";
import { discard, dismissal, fail, idOf, setState, store, update } from "./journeys.js";
import { untilListed } from "./listed.js";
import { measure, STEPS } from "./rows.js";
import { Token } from "./token.js";

/** Show the photo as a token in the flow picture. */
export function showToken(journey) {
  journey.token ??= new Token(journey.image);
}

/** Watch an uploaded photo until its journey has ended. */
export async function follow(journey) {
  const id = idOf(journey);
  try {
    showToken(journey);
    const { token } = journey;
    if (!journey.times.ready_at) {
      const made = ({ status }) => status !== "PENDING";
      const photo = await until(() => api.getPhoto(id), made, { delay: 1_000 });
      update(journey, photo);
      if (photo.status === "FAILED") return showFailed(journey, photo);
      token.thumbnailed(measure(journey, "thumbnailed"));
      setState(journey, "thumbnailed");
    }
    if (!journey.times.replicated_at) {
      const photo = await untilListed(id);
      update(journey, photo);
      token.replicated(measure(journey, "replicated"));
      setState(journey, "replicated");
      addPhotos([photo]);
    }
    if (!journey.times.viewed_at) {
      // Each request that arrives is a view, also if its answer is lost.
      journey.times.viewed_at = (await until(() => api.recordView(id))).viewed_at;
      token.viewed();
      store();
    }
    const counted = ({ counted_at: at }) => at !== null && at >= journey.times.viewed_at;
    const views = await until(() => api.getViews(id), counted, { delay: 2_000 });
    journey.times.counted_at = views.counted_at;
    token.counted(measure(journey, "counted"));
    setState(journey, "complete");
    const words = STEPS.map(([step]) => `${step} in ${duration(measure(journey, step) ?? 0)}`);
    announce(`${isolated(journey.title)}: ${words.join(", ")}.`);
  } catch (error) {
    if (error.status === 404) return discard(journey); // deleted meanwhile
    journey.token?.remove();
    fail(journey, error, [dismissal(journey)]);
  }
}

/** Show why the photo is unusable. */
export function showFailed(journey, { error }) {
  journey.token?.failed();
  fail(journey, new UserError(error), [deletion(journey)], "failed");
}
