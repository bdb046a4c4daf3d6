// The user name and the sign-in button in the head of a page.

import { configuration } from "./configuration.js";
import { announce, byId, element, messageFor, notify } from "./dom.js";
import { session, signOut, userName } from "./session.js";
import { ask } from "./sign_in.js";

/** Show who is signed in, now and whenever that changes. */
export function showAccount() {
  session.addEventListener("change", draw);
  draw();
  byId("stage").textContent = configuration.stage;
}

/** Open the sign-in dialog; true once the user is signed in, false if they cancel it. */
export async function askToSignIn(reason = "") {
  const signedIn = await ask(reason);
  // The element that had the focus may have been removed meanwhile.
  if (document.activeElement === document.body) byId("account").querySelector("button").focus();
  return signedIn;
}

function draw() {
  const name = userName();
  if (name) {
    byId("account").replaceChildren(
      element("span", { id: "user-name", textContent: name, title: `Signed in as ${name}` }),
      element("button", {
        type: "button",
        id: "sign-out",
        textContent: "Sign out",
        onclick: leave,
      }),
    );
  } else {
    byId("account").replaceChildren(
      element("button", {
        type: "button",
        id: "sign-in",
        textContent: "Sign in",
        onclick: () => askToSignIn(),
      }),
    );
  }
}

async function leave() {
  const revoked = signOut(); // at once on this page, and at Cognito when it answers
  byId("sign-in").focus();
  announce("Signed out.");
  await revoked.catch((error) => notify(`Signed out on this page only. ${messageFor(error)}`));
}
