// Who is here, friends and whether they are, and who is blocked.
import { types } from "./protocol.js";
import { byId, element, number, setText } from "./dom.js";
import { why } from "./words.js";

const { FriendACK, FriendREQ, PresenceACK, ResultCode, WhoACK, WhoREQ } = types.proto;
const What = FriendREQ.What;
const REFRESH_MS = 10000;
const MOST = 200;

export class People {
  // on: talk(uid), presence(uid, online), members(channel, count)
  constructor(send, on) {
    Object.assign(this, { send, on, channel: "" });
    this.forget();
    setInterval(() => { if (!document.hidden) this.ask(); }, REFRESH_MS);
  }

  come(uid) {
    if (uid !== this.uid) this.forget();
    this.uid = uid;
    this.inside = true;
    this.refresh();
  }
  lose() { this.inside = false; }
  forget() {
    Object.assign(this, { uid: null, inside: false, here: [], count: 0, friends: new Map(), blocked: [] });
    this.say("");
    this.show();
  }
  refresh() {
    if (!this.inside) return;
    this.send(FriendREQ, { what: What.List });
    this.ask();
  }
  // Whom the list shows: a channel's members, or all.
  look(channel) {
    if (channel === this.channel) return;
    this.channel = channel;
    this.here = [];
    this.count = 0;
    this.ask();
    this.show();
  }
  ask() { if (this.inside) this.send(WhoREQ, { channel: this.channel, limit: MOST }); }

  change(what, uid) {
    this.say(this.send(FriendREQ, { what, uid }) ? "" : "Not connected: nothing was changed.");
  }

  // True when the message was for the list.
  hear(type, message) {
    if (type === WhoACK) this.hearWho(message);
    else if (type === FriendACK) this.hearFriends(message);
    else if (type === PresenceACK) this.hearPresence(message);
    else return false;
    return true;
  }
  hearWho(message) {
    if (message.channel !== this.channel) return;
    if (message.result !== ResultCode.NoError) return; // asked again soon
    this.here = message.uid;
    this.count = message.count;
    if (message.channel) this.on.members(message.channel, message.count);
    this.show();
  }
  hearFriends(message) {
    if (message.result !== ResultCode.NoError) return this.say(why(message));
    if (message.what !== What.List) return this.send(FriendREQ, { what: What.List });
    this.friends = new Map(message.friends.map(({ uid, online }) => [uid, online]));
    this.blocked = message.blocked;
    this.show();
  }
  hearPresence({ uid, online }) {
    const before = this.friends.get(uid);
    this.friends.set(uid, online);
    if (before !== online) this.on.presence(uid, online);
    this.ask();
    this.show();
  }

  // --- what is seen

  say(words) { setText(byId("people-result"), words); }
  show() {
    const friends = [...this.friends].sort(([a, x], [b, y]) => y - x || a.localeCompare(b));
    this.list("friends", friends.map(([uid, online]) => ({ uid, online, state: online ? "here" : "away" })),
      "Nobody yet: choose somebody below.");
    this.list("here", this.here.map((uid) => ({ uid, online: true })), this.inside ? "Nobody." : "");
    this.list("blocked", this.blocked.map((uid) => ({ uid, online: false })), "");
    byId("blocked-part").hidden = this.blocked.length === 0;
    setText(byId("here-title"), this.channel ? `In #${this.channel}: ${number(this.count)}` : `Here now: ${number(this.count)}`);
    setText(byId("people-count"), this.count ? number(this.count) : "");
  }
  // Rows stay where they are while nothing of them changes, so that focus and what was opened stay, too.
  list(id, people, nobody) {
    const list = byId(id);
    const rows = new Map([...list.children].map((row) => [row.dataset.key, row]));
    const next = people.map((person) => {
      const key = [person.uid, person.online, this.friends.has(person.uid), this.blocked.includes(person.uid)].join(" ");
      return rows.get(key) ?? this.row(person, key);
    });
    if (next.length === 0 && nobody) next.push(element("li", { className: "nobody" }, nobody));
    if (next.length !== list.children.length || next.some((row, at) => row !== list.children[at])) list.replaceChildren(...next);
  }
  row({ uid, online, state }, key) {
    const dot = element("span", { className: `dot${online ? " on" : ""}` });
    dot.setAttribute("aria-hidden", "true");
    const name = element("span", { className: "name" }, uid);
    if (uid === this.uid) {
      const row = element("li", { className: "me" }, element("div", { className: "summary" }, dot, name, element("span", { className: "aside" }, "you")));
      row.dataset.key = key;
      return row;
    }
    const act = (words, action) => {
      const button = element("button", { type: "button", className: "quiet" }, words);
      button.addEventListener("click", action);
      return button;
    };
    const isFriend = this.friends.has(uid);
    const isBlocked = this.blocked.includes(uid);
    const actions = element("div", { className: "actions" },
      isBlocked ? null : act("Message", () => this.on.talk(uid)),
      isBlocked ? null : isFriend ? act("Unfriend", () => this.change(What.Remove, uid)) : act("Befriend", () => this.change(What.Add, uid)),
      isBlocked ? act("Unblock", () => this.change(What.Unblock, uid)) : act("Block", () => this.change(What.Block, uid)));
    const row = element("li", {}, element("details", {},
      element("summary", { className: "summary" }, dot, name, state ? element("span", { className: "aside" }, state) : null), actions));
    row.dataset.key = key;
    return row;
  }
}
