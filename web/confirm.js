// The confirmation of an action that cannot be undone.

import { element } from "./dom.js";

/** Whether the user confirms; `action` is the label of the button that does it. */
export function confirmed(question, explanation, action) {
  const dialog = element("dialog", { className: "dialog", "aria-labelledby": "question" });
  const close = (answer) => () => dialog.close(answer);
  dialog.append(
    element("h2", { id: "question", textContent: question }),
    element("p", { textContent: explanation }),
    element(
      "div",
      { className: "buttons" },
      element("button", {
        type: "button",
        textContent: "Cancel",
        autofocus: true,
        onclick: close(""),
      }),
      element("button", {
        type: "button",
        className: "danger",
        textContent: action,
        onclick: close("yes"),
      }),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    };
  });
}
