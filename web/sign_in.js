// The sign-in dialog.

import { cognito, SignInError } from "./cognito.js";
import { configuration } from "./configuration.js";
import { announce, byId, element, messageFor } from "./dom.js";
import { accept, userName } from "./session.js";

const [credentials, fresh, problem, reasonLine, demo, submit] = [
  ...["div", "div", "p", "p", "p", "button"].map((name) => element(name)),
];
const form = element("form");
const dialog = element("dialog", {
  className: "dialog",
  id: "sign-in-dialog",
  "aria-labelledby": "sign-in-title",
});
let challenge = null; // Cognito's, for a user whom an administrator created
let settle = null;

problem.className = "problem";
problem.role = "alert";
submit.className = "primary";
credentials.append(
  ...field("User name", "username", { autocomplete: "username", autocapitalize: "none" }),
  ...field("Password", "password", { type: "password", autocomplete: "current-password" }),
);
fresh.append(
  element("p", { textContent: "An administrator set your password. Choose a new one." }),
  ...field("New password", "new-password", { type: "password", autocomplete: "new-password" }),
);
form.append(
  element("h2", { id: "sign-in-title", textContent: "Sign in" }),
  reasonLine,
  demo,
  credentials,
  fresh,
  problem,
  element(
    "div",
    { className: "buttons" },
    element("button", { type: "button", textContent: "Cancel", onclick: () => dialog.close() }),
    submit,
  ),
);
form.onsubmit = trySignIn;
dialog.append(form);
dialog.onclose = () => {
  form.reset();
  settle(dialog.returnValue === "signed in");
};
document.body.append(dialog);
const { demo_user: user, demo_password: password } = configuration; // public, on a laptop
if (user) demo.textContent = `On this laptop: ${user} with the password “${password}”.`;

/** Show the dialog; true once the user is signed in, false if they cancel it. */
export function ask(why) {
  if (dialog.open) return Promise.resolve(false); // the first caller gets the answer
  dialog.returnValue = "";
  reasonLine.textContent = why;
  dialog.showModal();
  show(null);
  return new Promise((resolve) => (settle = resolve));
}

function field(label, id, properties) {
  return [
    element("label", { htmlFor: id, textContent: label }),
    element("input", { id, name: id, ...properties }),
  ];
}

function show(newChallenge) {
  challenge = newChallenge;
  credentials.hidden = reasonLine.hidden = demo.hidden = challenge !== null;
  fresh.hidden = !challenge;
  for (const input of form.querySelectorAll("input")) input.required = !input.parentElement.hidden;
  submit.textContent = challenge ? "Set password" : "Sign in";
  problem.textContent = "";
  byId(challenge ? "new-password" : "username").focus();
}

async function trySignIn(event) {
  event.preventDefault();
  problem.textContent = "";
  submit.disabled = true;
  try {
    const answer = await (challenge ? respond() : initiate());
    if (answer.ChallengeName === "NEW_PASSWORD_REQUIRED") return show(answer);
    if (answer.ChallengeName) {
      throw new SignInError(`This page cannot answer the challenge ${answer.ChallengeName}.`);
    }
    accept(answer);
    dialog.close("signed in");
    announce(`Signed in as ${userName()}.`);
  } catch (error) {
    problem.textContent = reason(error);
    byId(challenge ? "new-password" : "password").select();
  } finally {
    submit.disabled = false;
  }
}

/** Cognito's message, which names the violated password policy; two messages are replaced. */
function reason(error) {
  const message = messageFor(error);
  if (error.code !== "NotAuthorizedException") return message;
  if (challenge) return "The session has expired. Close this dialog and sign in again.";
  return message.startsWith("Incorrect") ? "Wrong user name or password." : message; // or: disabled
}

const initiate = () =>
  cognito("InitiateAuth", {
    AuthFlow: "USER_PASSWORD_AUTH",
    AuthParameters: { USERNAME: byId("username").value.trim(), PASSWORD: byId("password").value },
  });

const respond = () =>
  cognito("RespondToAuthChallenge", {
    ChallengeName: challenge.ChallengeName,
    Session: challenge.Session,
    ChallengeResponses: {
      USERNAME: challenge.ChallengeParameters?.USER_ID_FOR_SRP ?? byId("username").value.trim(),
      NEW_PASSWORD: byId("new-password").value,
    },
  });
