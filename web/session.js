// The signed-in user. The page calls the API of the Cognito user pool directly.
//
// The ID token is only in memory. The refresh token and the user's name are in localStorage, so that
// all tabs have the same user. The refresh token expires after some hours. The
// Content-Security-Policy keeps other scripts from it.

import { cognito } from "./cognito.js";

const SESSION = "gallery.session";
const EARLY = 60_000; // so that no token expires on its way

// `leave` comes before `change` if the user signs out, but not if the tokens have become invalid.
/** Fires `change` when a user signs in or out, and `leave` before a user signs out. */
export const session = new EventTarget();

addEventListener("storage", ({ key, newValue }) => {
  if (key !== SESSION) return;
  if (newValue === null) return leave();
  if (token) tokenOf = stored().refreshToken; // another tab got it for the same user
  else session.dispatchEvent(new Event("change"));
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) session.dispatchEvent(new Event("change")); // this page slept meanwhile
});

let token = null;
let tokenOf = null; // the refresh token of the same user
let expires = 0;
let refreshing = null;

const stored = () => JSON.parse(localStorage.getItem(SESSION) ?? "{}");

/** The name of the signed-in user, or null, as far as is known without a request. */
export const userName = () => stored().name ?? null;

/** An ID token that has not expired, or null without a signed-in user. */
export async function idToken() {
  const { refreshToken } = stored();
  if (!refreshToken) return null;
  if (token && tokenOf === refreshToken && Date.now() < expires - EARLY) return token;
  refreshing ??= cognito("InitiateAuth", {
    AuthFlow: "REFRESH_TOKEN_AUTH",
    AuthParameters: { REFRESH_TOKEN: refreshToken },
  })
    // Or the user has signed out meanwhile.
    .then((answer) => stored().refreshToken === refreshToken && accept(answer))
    .catch((error) => {
      if (error.code !== "NotAuthorizedException") throw error;
      forget(); // expired or revoked
    })
    .finally(() => (refreshing = null));
  await refreshing;
  return tokenOf === stored().refreshToken ? token : null;
}

/** Sign out, here and at Cognito. */
export async function signOut() {
  const { refreshToken } = stored();
  localStorage.removeItem(SESSION);
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
  localStorage.removeItem(SESSION);
  session.dispatchEvent(new Event("change"));
}

/** Store the tokens from Cognito's answer. */
export function accept({ AuthenticationResult: result }) {
  token = result.IdToken;
  expires = Date.now() + result.ExpiresIn * 1000;
  const bytes = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
  const text = new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0)));
  const claims = JSON.parse(text);
  const name = claims.email ?? claims["cognito:username"];
  const before = userName();
  // A refresh returns a new refresh token only if the pool rotates them.
  tokenOf = result.RefreshToken ?? stored().refreshToken;
  localStorage.setItem(SESSION, JSON.stringify({ refreshToken: tokenOf, name }));
  if (name !== before) session.dispatchEvent(new Event("change"));
}
