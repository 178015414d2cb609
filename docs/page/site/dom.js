// Making elements.

// h makes an element. Attributes whose value is a function are listeners; false and null are left out.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((c) => c != null && c !== false));
  return element;
}

export const find = (id) => document.getElementById(id);

// visible shows the line ends of a text.
export const visible = (text) => text.replaceAll("\r", "␍").replaceAll("\n", "⏎");

// redraw replaces what is in an element, and gives the focus back to the control that had it: the one
// with the same data-key.
export function redraw(element, ...children) {
  const key = element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  element.replaceChildren(...children.flat().filter((c) => c != null && c !== false));
  if (key) element.querySelector(`[data-key="${key}"]`)?.focus();
}

// message shows a sentence until the next move. An empty one hides it.
export function message(text) {
  const box = find("message");
  box.hidden = !text;
  box.textContent = text;
}
