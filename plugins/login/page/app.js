// The page: who is on stage, and who hears what.
import { types } from "./protocol.js";
import { byId, element, setText } from "./dom.js";
import { Chat } from "./chat.js";
import { Connection } from "./connection.js";
import { People } from "./people.js";
import { Player } from "./player.js";
import { notice } from "./words.js";

const { NoticeACK } = types.proto;

const connection = new Connection({ state: showState, message: hear });
const send = (type, value) => connection.send(type, value);
const player = new Player(send);
const people = new People(send, {
  talk: (uid) => {
    chat.select(chat.open("player", uid));
    goTo("chat");
    byId("say").focus();
  },
  presence: (uid, online) => chat.note(online ? `${uid} came` : `${uid} left`),
  members: (channel, count) => chat.setMembers(channel, count),
});
const chat = new Chat(send, { selected: (talk) => people.look(talk.kind === "channel" ? talk.name : "") });

let wasInside = false;
let countdown = null;

function hear(type, message) {
  if (type === NoticeACK) return hearNotice(message);
  player.hear(type, message) || chat.hear(type, message) || people.hear(type, message);
}

function hearNotice(message) {
  const { Code } = NoticeACK;
  if (player.hearNotice(message) || chat.hearNotice(message)) return;
  chat.note(notice(message));
  if (message.code !== Code.BoundAnew) return;
  if (message.service.startsWith("game")) player.refresh();
  if (!message.service.startsWith("social")) return;
  chat.rejoin();
  people.refresh();
}

function showState(state) {
  clearInterval(countdown);
  const pill = byId("state");
  pill.dataset.state = state.name;
  switch (state.name) {
    case "in":
      setText(byId("state-words"), "Connected");
      screen("lobby");
      for (const part of [player, chat, people]) part.come(state.uid);
      if (wasInside) chat.note("You are back.");
      else byId("say").focus();
      wasInside = true;
      return;
    case "connecting":
      setText(byId("state-words"), wasInside ? "Connecting again…" : "Connecting…");
      busy(true);
      return;
    case "lost":
      lose(state.words);
      setText(byId("state-words"), wasInside ? "Connection lost" : "No connection");
      if (!wasInside) {
        setText(byId("login-error"), state.words);
        busy(false);
      }
      pill.append(waiting(state.until));
      return;
    default: // out, refused, ended
      lose(state.words);
      wasInside = false;
      screen("login");
      setText(byId("state-words"), state.name === "ended" ? "Closed" : "Not logged in");
      setText(byId("login-error"), state.words ?? "");
      for (const part of [player, chat, people]) part.forget();
      byId(state.name === "refused" && !byId("account").hidden ? "secret" : "name").focus();
  }
}

// Until when it waits, for eyes only: read aloud, it would never end.
function waiting(until) {
  document.querySelector(".wait")?.remove();
  const part = element("span", { className: "wait" });
  const words = element("span");
  words.setAttribute("aria-hidden", "true");
  const button = element("button", { type: "button", className: "quiet" }, "Try now");
  button.addEventListener("click", () => connection.tryNow());
  part.append(words, button);
  const tick = () => setText(words, `again in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s`);
  tick();
  countdown = setInterval(tick, 250);
  return part;
}

function lose(words) {
  document.querySelector(".wait")?.remove();
  player.lose();
  people.lose();
  chat.lose(words ?? "");
}

function screen(name) {
  document.body.dataset.screen = name;
  byId("login").hidden = name !== "login";
  byId("lobby").hidden = name !== "lobby";
  busy(false);
  document.querySelector(".wait")?.remove();
}
function busy(on) {
  document.querySelector(".wait")?.remove();
  byId("enter").disabled = on;
  setText(byId("enter"), on ? "Coming in…" : "Enter");
}

// Which part is seen where there is room for one.
function goTo(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll("[data-goto]")) {
    button.setAttribute("aria-pressed", String(button.dataset.goto === view));
  }
  if (view === "chat") chat.current?.scroll();
}
for (const button of document.querySelectorAll("[data-goto]")) button.addEventListener("click", () => goTo(button.dataset.goto));

// --- the login

const platform = () => document.querySelector("input[name=how]:checked").value;
function showPlatform() {
  byId("account").hidden = platform() !== "password";
  byId("secret").autocomplete = byId("create").checked ? "new-password" : "current-password";
}
for (const input of document.querySelectorAll("input[name=how], #create")) input.addEventListener("change", showPlatform);

byId("login-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const uid = byId("name").value.trim();
  const account = platform() === "password";
  setText(byId("login-error"), "");
  if (!/^[A-Za-z0-9_.-]{1,32}$/.test(uid)) {
    setText(byId("login-error"), "A name is 1 to 32 of a-z, A-Z, 0-9, “-”, “_” and “.”.");
    return byId("name").focus();
  }
  if (account && !byId("secret").value) {
    setText(byId("login-error"), "An account has a password.");
    return byId("secret").focus();
  }
  localStorage.setItem("cellmesh.name", uid);
  connection.enter({
    version: "page",
    platform: platform(),
    uid,
    secret: account ? byId("secret").value : "",
    create: account && byId("create").checked,
  });
});
byId("leave").addEventListener("click", () => connection.leave());

byId("unencrypted").hidden = window.isSecureContext;
byId("name").value = localStorage.getItem("cellmesh.name") ?? "";
showPlatform();
byId("name").focus();
