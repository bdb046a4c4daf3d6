// The signed-in user. The page calls the API of the Cognito user pool directly.
//
// The ID token is only in memory. The refresh token is in localStorage, so that all tabs have the
// same user; it expires after some hours. The Content-Security-Policy keeps other scripts from it.

import { ConnectionError, load } from "./dom.js";

const REFRESH_TOKEN = "gallery.refresh_token";
const EARLY = 60_000; // so that no token expires on its way

/** Fires `change` whenever a user signs in or out, and before it `leave` if the user wants to. */
export const session = new EventTarget();

addEventListener("storage", ({ key, newValue }) => {
  if (key !== REFRESH_TOKEN) return;
  if (newValue === null) return leave();
  if (token) tokenOf = newValue; // another tab got it for the same user
  else session.dispatchEvent(new Event("change"));
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) session.dispatchEvent(new Event("change")); // this page slept meanwhile
});

let loading = null;

/** The page's configuration; after a failure, the next call loads it again. */
export function configuration() {
  const request = async () => {
    const answer = await fetch(new URL("config.json", import.meta.url)).catch(() => null);
    if (!answer?.ok) throw new ConnectionError("The gallery's config.json cannot be loaded.");
    return answer.json();
  };
  loading ??= request().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

let token = null;
let tokenOf = null; // the refresh token of the same user
let expires = 0;
let refreshing = null;

const cognito = async (operation, body) =>
  (await load(() => import("./cognito.js"))).cognito(operation, body);

const storedToken = () => localStorage.getItem(REFRESH_TOKEN);

/** Whether a user is signed in, as far as is known without a request. */
export const isSignedIn = () => storedToken() !== null;

/** The name of the signed-in user, once there is a token. */
export function userName() {
  if (!token || tokenOf !== storedToken()) return null;
  const bytes = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
  const text = new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
  const claims = JSON.parse(text);
  return claims.email ?? claims["cognito:username"];
}

/** An ID token that has not expired, or null without a signed-in user. */
export async function idToken() {
  const refreshToken = storedToken();
  if (!refreshToken) return null;
  if (token && tokenOf === refreshToken && Date.now() < expires - EARLY) return token;
  refreshing ??= cognito("InitiateAuth", {
    AuthFlow: "REFRESH_TOKEN_AUTH",
    AuthParameters: { REFRESH_TOKEN: refreshToken },
  })
    .then((answer) => storedToken() === refreshToken && accept(answer)) // or signed out meanwhile
    .catch((error) => {
      if (error.code !== "NotAuthorizedException") throw error;
      forget(); // expired or revoked
    })
    .finally(() => (refreshing = null));
  await refreshing;
  return userName() && token;
}

/** Sign out, here and at Cognito. */
export async function signOut() {
  const refreshToken = storedToken();
  localStorage.removeItem(REFRESH_TOKEN);
  leave();
  if (refreshToken) await cognito("RevokeToken", { Token: refreshToken });
}

/** The user has signed out, here or in another tab. */
function leave() {
  session.dispatchEvent(new Event("leave"));
  token = null;
  session.dispatchEvent(new Event("change"));
}

/** Sign out here: the tokens are not valid any more. */
export function forget() {
  token = null;
  localStorage.removeItem(REFRESH_TOKEN);
  session.dispatchEvent(new Event("change"));
}

/** Store the tokens from Cognito's answer. */
export function accept({ AuthenticationResult: result }) {
  token = result.IdToken;
  expires = Date.now() + result.ExpiresIn * 1000;
  // A refresh returns a new refresh token only if the pool rotates them.
  if (result.RefreshToken) localStorage.setItem(REFRESH_TOKEN, result.RefreshToken);
  tokenOf = storedToken();
  session.dispatchEvent(new Event("change"));
}
