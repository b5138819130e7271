/** What both scripts of the local page build it with. */
export const byId = (id) => document.getElementById(id);

/** An element with text and children; text never becomes markup. */
export function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}
