// State that a page of this tab passes to the next page.

const DELETED = "gallery.deleted";
const NOTICE = "gallery.notice";

/** Photos deleted here, which the catalog may still list for a moment. */
export const deleted = () => new Set(JSON.parse(sessionStorage.getItem(DELETED) ?? "[]"));

export function rememberDeleted(id) {
  sessionStorage.setItem(DELETED, JSON.stringify([...deleted(), id]));
}

/** Store a message that the gallery shows once. */
export const flash = (text) => sessionStorage.setItem(NOTICE, text);

export function takeNotice() {
  const text = sessionStorage.getItem(NOTICE);
  sessionStorage.removeItem(NOTICE);
  return text;
}
