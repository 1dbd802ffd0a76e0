// The chat: its conversations, and what is said in them.
import { types } from "./protocol.js";
import { byId, number, randomId, setText } from "./dom.js";
import { Talk, placeOf } from "./talk.js";
import { notice, why } from "./words.js";

const { ChatACK, ChatDoneACK, ChatREQ, JoinChannelACK, JoinChannelREQ, LeaveChannelACK, LeaveChannelREQ, ResultCode } =
  types.proto;

const MOST_TALKS = 40; // of one with more the oldest with another player is closed

export class Chat {
  // on.selected(talk)
  constructor(send, on) {
    Object.assign(this, { send, on, talks: [], joining: new Set() });
    byId("say-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    byId("say").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    byId("open-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.join(byId("open-name").value.trim().replace(/^#/, ""));
    });
    byId("talk-leave").addEventListener("click", () => this.leave(this.current));
    byId("newer").addEventListener("click", () => {
      this.current.sticky = true;
      this.current.scroll();
      this.current.log.focus();
    });
    byId("tabs").addEventListener("keydown", (event) => this.walk(event));
    addEventListener("resize", () => this.current?.scroll());
  }

  come(uid) {
    if (uid !== this.uid) this.forget();
    this.uid = uid;
    this.inside = true;
    this.joining.clear(); // what was asked over a connection that is gone
    this.world ??= this.open("world", "");
    if (!this.current) this.select(this.world);
    this.rejoin();
    this.show();
  }
  // A service that knew our channels is another one now.
  rejoin() {
    for (const talk of this.talks) if (talk.kind === "channel") this.send(JoinChannelREQ, { channel: talk.name });
  }
  lose(words) {
    if (!this.inside) return;
    this.inside = false;
    for (const talk of this.talks) talk.failAll("The connection broke before it was answered: others may have heard it.");
    this.current.note(words);
    this.show();
  }
  forget() {
    for (const talk of this.talks) talk.remove();
    this.talks = [];
    this.world = this.current = this.uid = null;
    this.inside = false;
  }
  note(words) { this.current?.note(words); }

  // --- conversations

  find(kind, name) { return this.talks.find((talk) => talk.kind === kind && talk.name === name); }
  open(kind, name) {
    let talk = this.find(kind, name);
    if (!talk) {
      talk = new Talk(kind, name, { select: (one) => this.select(one), say: (one, text) => this.say(one, text) });
      this.talks.push(talk);
      if (this.talks.length > MOST_TALKS) this.closeOldest();
    }
    return talk;
  }
  // Who writes from ever new names opens no end of tabs.
  closeOldest() {
    const at = this.talks.findIndex((talk) => talk.kind === "player" && talk !== this.current);
    if (at >= 0) this.talks.splice(at, 1)[0].remove();
  }
  select(talk) {
    this.current = talk;
    for (const one of this.talks) one.show(one === talk);
    talk.tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.show();
    this.on.selected(talk);
  }
  join(channel) {
    const known = this.find("channel", channel);
    if (known) this.select(known);
    else if (channel && this.send(JoinChannelREQ, { channel })) this.joining.add(channel);
    else if (channel) this.note("Not connected: the channel was not joined.");
    byId("open-name").value = "";
  }
  leave(talk) {
    if (talk.kind === "world") return;
    if (talk.kind === "channel") this.send(LeaveChannelREQ, { channel: talk.name });
    const at = this.talks.indexOf(talk);
    this.talks.splice(at, 1);
    talk.remove();
    this.select(this.talks[at] ?? this.talks[at - 1]);
    this.current.tab.focus();
  }
  // Left and right among the tabs.
  walk(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const tabs = [...byId("tabs").children];
    const next = tabs[(tabs.indexOf(this.current.tab) + step + tabs.length) % tabs.length];
    this.select(this.talks.find((talk) => talk.tab === next));
    next.focus();
  }

  // --- what is said

  submit() {
    const text = byId("say").value;
    if (!text.trim() || !this.inside) return;
    byId("say").value = "";
    this.say(this.current, text);
  }
  say(talk, text) {
    const id = randomId();
    talk.saying(text, id, this.uid);
    const to = talk.kind === "player" ? talk.name : "";
    const channel = talk.kind === "channel" ? talk.name : "";
    if (!this.send(ChatREQ, { content: text, channel, to, request_id: id })) talk.fail(talk.find(id), "There is no connection.");
  }

  // True when the message was for the chat.
  hear(type, message) {
    if (type === ChatACK) this.hearLine(message);
    else if (type === ChatDoneACK) this.hearDone(message);
    else if (type === JoinChannelACK) this.hearJoined(message);
    else if (type !== LeaveChannelACK) return false;
    return true;
  }
  hearLine(message) {
    const [kind, name] = placeOf(message, this.uid);
    if (kind === "channel" && !this.find(kind, name)) return; // said before we left it
    this.open(kind, name).hear(message, this.uid);
  }
  hearDone(message) {
    for (const talk of this.talks) {
      const line = talk.find(message.request_id);
      if (!line) continue;
      if (message.result !== ResultCode.NoError) talk.fail(line, why(message));
      else talk.done(line, message.id);
      if (message.result === ResultCode.NoError && message.text) talk.note(message.text);
    }
  }
  hearJoined(message) {
    if (message.result === ResultCode.TooFast && this.find("channel", message.channel)) {
      setTimeout(() => {
        if (this.find("channel", message.channel)) this.send(JoinChannelREQ, { channel: message.channel });
      }, message.retry_after_ms || 1000);
      return;
    }
    const asked = this.joining.delete(message.channel);
    if (!asked && !this.find("channel", message.channel)) return; // left meanwhile
    if (message.result !== ResultCode.NoError) return this.note(`#${message.channel}: ${why(message)}`);
    const talk = this.open("channel", message.channel);
    talk.members = message.members;
    for (const line of message.history) talk.hear({ ...line, old: true }, this.uid);
    if (asked) {
      this.select(talk);
      byId("say").focus();
    }
    this.show();
  }
  // True when the notice was about something that was said.
  hearNotice(message) {
    if (message.msg_id !== ChatREQ.$id) return false;
    for (const talk of this.talks) talk.failAll(notice(message));
    return true;
  }

  setMembers(channel, count) {
    const talk = this.find("channel", channel);
    if (talk) talk.members = count;
    this.show();
  }
  show() {
    const talk = this.current;
    if (!talk) return;
    const members = talk.members === 1 ? "1 member" : `${number(talk.members)} members`;
    const [title, placeholder] = {
      world: ["Everybody hears this", "Message everybody"],
      channel: [`Channel ${talk.label}, ${members}`, `Message ${talk.label}`],
      player: [`Only ${talk.name} hears this`, `Message ${talk.name}`],
    }[talk.kind];
    setText(byId("talk-title"), title);
    byId("talk-leave").hidden = talk.kind === "world";
    setText(byId("talk-leave"), talk.kind === "channel" ? "Leave" : "Close");
    byId("say").placeholder = this.inside ? placeholder : "Not connected";
    byId("send").disabled = !this.inside;
  }
}
