// One conversation: the world, a channel or another player. Its lines, its log and its tab.
import { byId, element, setText } from "./dom.js";

const MOST_LINES = 500;
const SAME_BREATH_MS = 5 * 60 * 1000; // lines of one player within it stand under one name

const time = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });

export class Talk {
  // on: select(talk, focus), say(talk, text)
  constructor(kind, name, on) {
    Object.assign(this, { kind, name, on, unread: 0, sticky: true, known: new Set(), members: 0 });
    this.label = kind === "world" ? "World" : kind === "channel" ? `#${name}` : name;
    const id = `${kind}-${name}`;
    this.badge = element("span", { className: "badge" });
    this.tab = element("button", { type: "button", id: `tab-${id}`, tabIndex: -1 },
      element("span", { className: "label" }, this.label), this.badge);
    this.tab.setAttribute("role", "tab");
    this.tab.setAttribute("aria-controls", `log-${id}`);
    this.log = element("div", { id: `log-${id}`, tabIndex: 0, hidden: true });
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-label", this.label);
    this.tab.addEventListener("click", () => on.select(this));
    this.log.addEventListener("scroll", () => {
      this.sticky = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 30;
      if (this.sticky) byId("newer").hidden = true;
    });
    byId("tabs").append(this.tab);
    byId("logs").prepend(this.log);
  }

  get selected() { return !this.log.hidden; }

  show(selected) {
    this.log.hidden = !selected;
    this.tab.setAttribute("aria-selected", String(selected));
    this.tab.tabIndex = selected ? 0 : -1;
    if (!selected) return;
    this.unread = 0;
    this.showUnread();
    this.scroll();
  }
  scroll() {
    if (this.sticky) this.log.scrollTop = this.log.scrollHeight;
    byId("newer").hidden = this.sticky;
  }
  remove() {
    this.tab.remove();
    this.log.remove();
  }

  // --- lines

  // What was heard; false when it was known. `me`: who reads.
  hear(message, me) {
    const key = `${message.id} ${message.from}`;
    if (this.known.has(key)) return false;
    this.known.add(key);
    const mine = message.from === me && !message.old && this.waiting(message);
    if (mine) {
      this.done(mine, message.id);
    } else {
      const { from, sent_at_ms: at, content: text } = message;
      this.add({ from, mine: from === me, at: Number(at), text }).key = key;
      if (!this.selected && !message.old && message.from !== me) {
        ++this.unread;
        this.showUnread();
      }
    }
    return true;
  }
  // The line that is heard back before it is answered.
  waiting({ content }) {
    return [...this.log.children].find((line) => line.requestId && line.words === content);
  }
  // A line of our own, until it is answered.
  saying(text, requestId, me) {
    const line = this.add({ from: me, mine: true, at: Date.now(), text });
    line.requestId = requestId;
    line.classList.add("waiting");
    this.sticky = true;
    this.scroll();
  }
  find(requestId) { return [...this.log.children].find((line) => line.requestId === requestId); }
  done(line, id) {
    line.requestId = null;
    line.classList.remove("waiting");
    line.key = `${id} ${line.from}`;
    this.known.add(line.key);
  }
  fail(line, words) {
    if (!line.requestId) return;
    line.requestId = null;
    line.classList.replace("waiting", "failed");
    const again = element("button", { type: "button", className: "quiet" }, "Say it again");
    again.addEventListener("click", () => {
      line.remove();
      this.on.say(this, line.words);
    });
    line.append(element("p", { className: "reason" }, `Not said. ${words} `, again));
    this.scroll();
  }
  failAll(words) {
    for (const line of [...this.log.children]) if (line.requestId) this.fail(line, words);
  }
  note(words) {
    this.append(element("p", { className: "note" }, words));
  }

  add({ from, mine, at, text }) {
    const last = this.log.lastElementChild;
    const follows = last?.from === from && at - last.at < SAME_BREATH_MS;
    const stamp = element("time", { dateTime: new Date(at).toISOString() }, time.format(at));
    const line = element("div", { className: `line${mine ? " mine" : ""}${follows ? " follows" : ""}` },
      element("p", { className: "from" }, element("span", {}, from), stamp),
      element("p", { className: "words", title: new Date(at).toLocaleString() }, text));
    Object.assign(line, { from, at, words: text });
    this.append(line);
    return line;
  }
  append(line) {
    this.log.append(line);
    while (this.log.children.length > MOST_LINES) {
      this.known.delete(this.log.firstElementChild.key);
      this.log.firstElementChild.remove();
    }
    if (this.selected) this.scroll();
  }
  showUnread() {
    setText(this.badge, this.unread ? String(Math.min(this.unread, 99)) : "");
    this.tab.setAttribute("aria-label", this.unread ? `${this.label}, ${this.unread} new` : this.label);
  }
}

// Which conversation of `me` a line belongs to: [kind, name].
export function placeOf({ channel, to, from }, me) {
  if (channel) return ["channel", channel];
  if (to) return ["player", from === me ? to : from];
  return ["world", ""];
}
