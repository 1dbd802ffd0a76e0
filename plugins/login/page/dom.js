// Small things that every part of the page needs.

export const byId = (id) => document.getElementById(id);

// What others wrote only ever becomes text.
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function setText(node, words) {
  if (node.textContent !== words) node.textContent = words; // an unchanged status is not read aloud again
}

export const number = (value) => Number(value).toLocaleString("en");

export function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function seconds(ms) {
  const whole = Math.max(1, Math.ceil(ms / 1000));
  return whole === 1 ? "1 second" : `${whole} seconds`;
}
