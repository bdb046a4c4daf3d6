// Files: which ones may be uploaded, the upload itself, and a small picture of each.

import { ConnectionError, UserError } from "./dom.js";

const TYPES = ["avif", "gif", "heic", "heif", "jpeg", "png", "webp"].map((name) => `image/${name}`);
const MAX_BYTES = 25_000_000; // as the API
const THUMBNAIL = 96;
const MAX_CHARACTERS = 200;
// The API refuses a title of only these characters.
const INVISIBLE = /^[\s\p{C}\p{M}\u115f\u1160\u2800\u3164\uffa0]*$/u;

export class UploadError extends UserError {}

/** The body of `POST /photos` for a file; throws an UploadError for what the API would refuse. */
export function describe(file) {
  // On systems that do not know HEIC, the browser gives a file no type.
  const extension = file.name.split(".").pop().toLowerCase();
  const type = file.type || `image/${extension}`.replace("/jpg", "/jpeg");
  if (!TYPES.includes(type)) {
    throw new UploadError("The file type is not supported. Supported types: JPEG, PNG, WebP, GIF, AVIF or HEIC.");
  }
  if (file.size === 0) throw new UploadError("The file is empty.");
  if (file.size > MAX_BYTES) {
    const size = Math.ceil(file.size / 1e5) / 10;
    throw new UploadError(`Too large: ${size} MB. The limit is ${MAX_BYTES / 1e6} MB.`);
  }
  const characters = [...file.name.replace(/\.[^.]+$/, "").trim()];
  const name = characters.slice(0, MAX_CHARACTERS).join("").trim();
  const title = INVISIBLE.test(name) ? "Untitled" : name;
  return { title, content_type: type, bytes: file.size };
}

/** Send the file by the request that the API has signed; `onProgress` gets the share sent. */
export function sendFile({ method, url, headers }, file, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch reports no progress
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
    request.onerror = () =>
      reject(new ConnectionError("The upload was interrupted. Check your connection."));
    request.onabort = request.onerror;
    signal.onabort = () => request.abort();
    request.onload = () => {
      // 412: an earlier attempt, whose answer was lost, has stored the file.
      if (request.status < 300 || request.status === 412) return resolve();
      const reason = request.responseText.match(/<Message>([^<]*)/)?.[1];
      const text = reason ? `S3 refused the file: ${reason}` : `S3 answered ${request.status}.`;
      reject(new (request.status < 500 ? UploadError : ConnectionError)(text));
    };
    request.send(file);
  });
}

/** The address of a small picture of the file, or null if this browser cannot read it. */
export async function preview(file) {
  try {
    const options = { resizeHeight: THUMBNAIL, resizeQuality: "medium" };
    const image = await createImageBitmap(file, options);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return URL.createObjectURL(await new Promise((done) => canvas.toBlob(done, "image/webp")));
  } catch {
    return null;
  }
}
