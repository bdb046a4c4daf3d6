// What one page of this tab leaves for the next.

const DELETED = "gallery.deleted";
const NOTICE = "gallery.notice";

/** What the catalog may still show for a moment after it was deleted here. */
export const deleted = () => new Set(JSON.parse(sessionStorage.getItem(DELETED) ?? "[]"));

export function rememberDeleted(id) {
  sessionStorage.setItem(DELETED, JSON.stringify([...deleted(), id]));
}

/** Have the gallery say something once. */
export const flash = (text) => sessionStorage.setItem(NOTICE, text);

export function takeNotice() {
  const text = sessionStorage.getItem(NOTICE);
  sessionStorage.removeItem(NOTICE);
  return text;
}
