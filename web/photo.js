// A photo's page: the photo, its properties, and its views while they are counted.

import { askToSignIn, showAccount } from "./account.js";
import * as api from "./api.js";
import { createChart } from "./chart.js";
import { confirmed } from "./confirm.js";
import {
  announce,
  between,
  byId,
  count,
  duration,
  element,
  isolated,
  messageFor,
  notify,
  until,
  untilVisible,
  wait,
  withoutDirections,
} from "./dom.js";
import "./links.js";
import { untilListed } from "./listed.js";
import { flash, rememberDeleted } from "./memory.js";
import { showNeighbors } from "./neighbors.js";
import { isOwn } from "./ownership.js";
import { session, userName } from "./session.js";
import { megabytes } from "./units.js";

const MINUTE = 60_000;
// CloudFront may answer with what is up to 3 s old, so an earlier request would miss the own view.
const UNTIL_COUNTED = 3_500;
const LEAST_PAUSE = 20_000;
const MAX_PAUSE = 5 * MINUTE;
// In every month the date fits on one line beside its label on a screen of 320 pixels.
const dateAndTime = new Intl.DateTimeFormat("en", {
  dateStyle: "medium",
  timeStyle: "short",
  hourCycle: "h23",
});
const id = new URLSearchParams(location.search).get("id") ?? "";
const chart = createChart(byId("chart"), byId("minutes"));

showAccount();
show().catch(fail);

async function show() {
  if (!id) throw new api.ApiError(404, "The address has no id.");
  let photo = await until(() => api.getPhoto(id));
  draw(photo);
  session.addEventListener("change", () => offerDeletion(photo));
  offerDeletion(photo);
  showNeighbors(id).catch((error) => notify(messageFor(error)));
  if (photo.status === "PENDING") {
    const made = ({ status }) => status !== "PENDING";
    photo = await until(() => api.getPhoto(id), made, { delay: 1_000 });
    draw(photo);
    announce(photo.status === "READY" ? "The photo is ready." : `The photo failed: ${photo.error}`);
  }
  if (photo.status === "READY") await followViews(photo);
}

function draw(photo) {
  const { large } = photo.renditions;
  document.title = `${withoutDirections(photo.title)} · Lambda Gallery`;
  byId("title").textContent = photo.title;
  byId("state").hidden = photo.status === "READY";
  byId("state").textContent =
    photo.status === "FAILED"
      ? `This photo cannot be shown: ${photo.error}`
      : "The thumbnails are being made. The photo appears here by itself.";
  if (large) {
    // Always the large rendition: the Link header lets the browser preload it.
    const { path: src, width, height } = large;
    const image = element("img", { src, alt: photo.title, width, height });
    byId("photo").style.setProperty("--ratio", width / height);
    byId("photo").style.setProperty("--width", `${width}px`);
    byId("photo").style.setProperty("--color", photo.color);
    byId("frame").append(image);
  } else {
    byId("frame").classList.add("reserved");
  }
  byId("facts").replaceChildren(...facts(photo));
  byId("share").onclick = share;
  byId("views").hidden = photo.status === "FAILED";
  byId("photo").hidden = false;
  document.querySelector("main").removeAttribute("aria-busy");
}

/** Every photo has the same lines, so that later values do not shift the layout. */
function facts(photo) {
  const none = photo.status === "PENDING" ? "not yet" : "none";
  const made = between(photo.uploaded_at, photo.ready_at);
  const format = photo.content_type.split("/")[1].toUpperCase();
  const { large, small, thumb } = photo.renditions;
  const lines = {
    Original: photo.width ? `${photo.width} × ${photo.height} pixels` : none,
    File: `${megabytes(photo.bytes)}, ${format}`,
    Added: dateAndTime.format(new Date(photo.created_at)),
    Thumbnails: made === null ? none : `made in ${duration(made)}`,
    Large: large ? rendition(large) : none,
    Small: small ? rendition(small) : none,
    Thumb: thumb ? rendition(thumb) : none,
  };
  return Object.entries(lines).flatMap(([term, value]) => [
    element("dt", { textContent: term }),
    element("dd", {}, value),
  ]);
}

const rendition = ({ path, width, height, bytes }) =>
  element("a", { href: path, textContent: `${width} × ${height}, ${megabytes(bytes)}` });

/** Share the address of this page, or copy it where the browser cannot share. */
async function share() {
  try {
    if (navigator.share) return await navigator.share({ title: document.title, url: location.href });
    await navigator.clipboard.writeText(location.href);
    notify("The link to this photo is copied.");
  } catch (error) {
    if (error.name !== "AbortError") notify("The browser does not allow this. Copy the address.");
  }
}

/**
 * Send this visit as one view, and show the counts as they come. The answer to the view has the
 * counts before it; the page asks for the count with its own view once. Then it asks the less often,
 * the longer nothing has changed.
 */
async function followViews(photo) {
  await untilVisible();
  let viewedAt = null;
  let total = null;

  function drawViews(views) {
    if (views.total !== total) {
      const [number, noun] = count(views.total, "view").split(" ");
      byId("total").textContent = number;
      byId("total-noun").textContent = noun;
      if (total !== null) bump(byId("total"));
      total = views.total;
    }
    if (viewedAt && views.counted_at >= viewedAt) {
      const time = duration(between(viewedAt, views.counted_at));
      byId("counted").textContent = `Yours was counted in ${time}.`;
      viewedAt = null;
    }
    chart.draw(views.minutes);
  }

  const sayWaiting = (error) => {
    byId("counted").textContent = `${messageFor(error)} Trying again…`;
  };
  let asked = null;

  /** Show the counts, unless the answer to the view has them sooner. */
  function askOnce() {
    const onError = (error) => {
      if (total === null) sayWaiting(error);
    };
    asked ??= until(() => api.getViews(id), undefined, { onError }).then((views) => {
      if (total === null) drawViews(views);
    });
    return asked;
  }

  /** As `askOnce`, while the view is not accepted yet: a failure is shown only after that. */
  const askMeanwhile = () => void askOnce().catch(() => {});

  const onError = (error) => {
    sayWaiting(error);
    askMeanwhile();
  };
  try {
    // The API counts views of listed photos only, and the catalog may be a moment late.
    if (Date.now() - Date.parse(photo.ready_at) < MINUTE) {
      askMeanwhile();
      await untilListed(id);
    }
    const view = await until(() => api.recordView(id), undefined, { onError });
    if (view.views) drawViews(view.views);
    viewedAt = view.viewed_at;
    byId("counted").textContent = "\u00a0"; // the line keeps its height
  } catch (error) {
    byId("counted").textContent = `Yours was not sent: ${messageFor(error)}`;
  }
  if (total === null) await askOnce();
  for (let pause = viewedAt ? UNTIL_COUNTED : LEAST_PAUSE; ; ) {
    await wait(pause);
    await untilVisible();
    const seen = total;
    try {
      drawViews(await api.getViews(id));
    } catch (error) {
      if (!error.isTransient) throw error;
    }
    pause = total !== seen && !viewedAt ? LEAST_PAUSE : Math.min(2 * pause, MAX_PAUSE);
  }
}

function bump(number) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  number.animate([{ scale: 1.25 }, { scale: 1 }], { duration: 400, easing: "ease-out" });
}

/** Show the delete button to the photo's owner; the public view of a photo does not name them. */
async function offerDeletion(photo) {
  byId("delete").hidden = true;
  if (!userName()) return;
  byId("delete").onclick = () => remove(photo);
  try {
    byId("delete").hidden = !(await until(() => isOwn(photo), () => true));
  } catch (error) {
    notify(messageFor(error));
  }
}

async function remove(photo) {
  const explanation = "All its sizes, its original file and its view counts are deleted too. This cannot be undone.";
  byId("delete-problem").textContent = "";
  try {
    if (!(await confirmed(`Delete “${isolated(photo.title)}”?`, explanation, "Delete"))) return;
    byId("delete").disabled = true;
    await api.deletePhoto(id);
    rememberDeleted(id);
    flash(`“${isolated(photo.title)}” was deleted.`);
    location.assign("/");
  } catch (error) {
    byId("delete").disabled = false;
    byId("delete").focus();
    byId("delete-problem").textContent = messageFor(error);
    if (error instanceof api.SignedOutError) {
      await askToSignIn("Only its owner can delete a photo.");
    }
  }
}

function fail(error) {
  byId("photo").hidden = true;
  byId("missing").hidden = false;
  document.querySelector("main").removeAttribute("aria-busy");
  if (error.status !== 404) {
    byId("missing-title").textContent = "The photo cannot be shown now";
    byId("missing-reason").textContent = messageFor(error);
  }
  document.title = `${byId("missing-title").textContent} · Lambda Gallery`;
  byId("missing-title").focus();
}
