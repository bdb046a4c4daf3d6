// What happens to an uploaded photo, as far as the public API shows it.

import * as api from "./api.js";
import { deletion } from "./deletion.js";
import { announce, byId, duration, isolated, notify, retryText, until, UserError } from "./dom.js";
import { addPhotos } from "./grid.js";
import { discard, dismissal, fail, idOf, setState, store, update } from "./journeys.js";
import { untilListed } from "./listed.js";
import { drawRow, measure, STEPS } from "./rows.js";
import { Token } from "./token.js";

const SLOW_AFTER = 20_000;
// True before and after the last attempt: the public API does not tell them apart.
const SLOW = "Not finished: a retry can take minutes; if all attempts failed, it needs a replay";
const TROUBLE_MS = 40_000; // longer than any attempt and the pause after it
let trouble = ""; // what the notice says of a request that has failed

/**
 * Show that a request for this journey has failed and is repeated: in its row, and in the notice,
 * which is in view everywhere on the page. Without an error, show that it was answered.
 */
export function showTrouble(journey, error = null) {
  const text = error && retryText(error);
  if (text) notify(text, TROUBLE_MS);
  else if (trouble && byId("notice").textContent === trouble) notify("");
  trouble = text ?? "";
  if ((journey.trouble ?? null) === text) return;
  journey.trouble = text;
  drawRow(journey);
}

/** Show the photo as a token in the flow picture. */
export function showToken(journey) {
  journey.token ??= new Token(journey.image);
}

/** Show that a journey is slow, once it is in the same state for some time. */
export function watchTime(journey) {
  journey.slowTimer = setTimeout(() => {
    journey.slow = SLOW;
    journey.actions ??= [dismissal(journey)];
    drawRow(journey);
  }, journey.since + SLOW_AFTER - Date.now());
}

function reach(journey, state) {
  setState(journey, state);
  watchTime(journey);
}

/** Watch an uploaded photo until its journey has ended, or another one of the photo replaces it. */
export async function follow(journey) {
  const id = idOf(journey);
  const shown = {
    onError: (error) => showTrouble(journey, error),
    onAnswer: () => showTrouble(journey),
  };
  const request = (ask) => async () => {
    const answer = journey.replaced ? null : await ask();
    if (journey.replaced) throw new UserError("Another row shows this photo.");
    return answer;
  };
  try {
    if (journey.since) watchTime(journey); // not an own photo, which may never have been uploaded
    showToken(journey);
    const { token } = journey;
    if (!journey.times.ready_at) {
      const made = ({ status }) => status !== "PENDING";
      const photo = await until(request(() => api.getPhoto(id)), made, { delay: 1_000, ...shown });
      update(journey, photo);
      if (photo.status === "FAILED") return showFailed(journey, photo);
      token.thumbnailed(measure(journey, "thumbnailed"));
      reach(journey, "thumbnailed");
    }
    if (!journey.times.replicated_at) {
      const photo = await request(() => untilListed(id, shown))();
      update(journey, photo);
      token.replicated(measure(journey, "replicated"));
      reach(journey, "replicated");
      addPhotos([photo]);
    }
    if (!journey.times.viewed_at) {
      // Each request that arrives is a view, also if its answer is lost.
      const view = await until(request(() => api.recordView(id)), undefined, shown);
      journey.times.viewed_at = view.viewed_at;
      token.viewed();
      store();
    }
    const counted = ({ counted_at: at }) => at !== null && at >= journey.times.viewed_at;
    const views = await until(request(() => api.getViews(id)), counted, { delay: 2_000, ...shown });
    journey.times.counted_at = views.counted_at;
    token.counted(measure(journey, "counted"));
    setState(journey, "complete");
    const words = STEPS.map(([step]) => `${step} in ${duration(measure(journey, step) ?? 0)}`);
    announce(`${isolated(journey.title)}: ${words.join(", ")}.`);
  } catch (error) {
    if (journey.replaced) return;
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
