// One player's way in: a login, the agent that it names, a heartbeat; and all of it again when it breaks. A token is good
// for one entrance, so every way in begins with a login.
import { pack, types, unpack } from "./protocol.js";
import { endsConnection, endsForGood, isFinal, isToken, notice, why } from "./words.js";

const { LoginACK, LoginREQ, NoticeACK, PingACK, ProtocolVersion, ResultCode, VerifyACK, VerifyREQ } = types.proto;

const ANSWER_MS = 10000;    // for a connection, and for an answer
const HEARTBEAT_MS = 10000; // who does not answer one until the next is gone
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const SETTLED_MS = 5000;    // in for so long: the next wait is short again

class Refused extends Error {} // by the login: the same again is of no use

// The addresses that this page may open, best first: one that came over https opens no plain ones.
export function usable(urls, protocol = location.protocol) {
  const schemes = protocol === "https:" ? ["wss:"] : ["ws:", "wss:"];
  return schemes.flatMap((scheme) => urls.filter((url) => url.startsWith(`${scheme}//`)));
}

// A socket whose next message can be awaited.
class Socket {
  constructor(url) {
    this.raw = new WebSocket(url);
    this.raw.binaryType = "arraybuffer";
    this.said = null; // the last notice that ends a connection
    this.raw.onmessage = ({ data }) => this.take(data);
    this.raw.onclose = () => this.end(this.said ? notice(this.said) : "The connection broke.");
    this.opened = new Promise((resolve, reject) => {
      this.raw.onopen = resolve;
      this.fail = reject;
      this.timer = setTimeout(() => this.close("No connection in time."), ANSWER_MS);
    });
    this.opened.then(() => clearTimeout(this.timer), () => clearTimeout(this.timer));
  }
  take(data) {
    let frame;
    try {
      frame = unpack(data);
    } catch (error) {
      console.warn("not understood:", error.message);
      return;
    }
    if (frame.type === NoticeACK && endsConnection(frame.message.code)) this.said = frame.message;
    if (frame.type === this.wanted) this.answer(frame.message);
    else if (frame.type) this.onmessage?.(frame.type, frame.message);
  }
  send(type, value) { if (this.raw.readyState === WebSocket.OPEN) this.raw.send(pack(type, value)); }
  async ask(type, value, wanted) {
    await this.opened;
    const answered = new Promise((resolve, reject) => {
      this.wanted = wanted;
      this.answer = resolve;
      this.fail = reject;
    });
    const timer = setTimeout(() => this.close("No answer in time."), ANSWER_MS);
    this.send(type, value);
    try {
      return await answered;
    } finally {
      clearTimeout(timer);
      this.wanted = null;
    }
  }
  close(words) {
    this.end(words);
    this.raw.close();
  }
  end(words) {
    if (this.ended) return;
    this.ended = true;
    this.fail(new Error(words));
    this.onend?.(words);
  }
}

export class Connection {
  // on.state({ name, words, until, uid }): out, connecting, in, lost (tries again at `until`), ended (does not), refused.
  // on.message(type, message): what comes while it is in.
  constructor(on) {
    this.on = on;
    this.wait = FIRST_WAIT_MS;
    addEventListener("online", () => this.tryNow());
  }

  enter(credentials) {
    this.credentials = credentials;
    this.wait = FIRST_WAIT_MS;
    this.attempt();
  }
  leave(state = { name: "out" }) {
    this.stop();
    this.credentials = null;
    this.on.state(state);
  }
  tryNow() {
    if (!this.retry) return;
    this.attempt();
  }
  // False when it is not in: nothing was sent.
  send(type, value) {
    if (!this.inside) return false;
    this.socket.send(type, value);
    return true;
  }

  // --- its own

  stop() {
    clearTimeout(this.retry);
    clearInterval(this.heart);
    clearTimeout(this.settled);
    this.retry = null;
    this.inside = false;
    const socket = this.socket;
    this.socket = null;
    socket?.close("left");
  }

  async attempt() {
    this.stop();
    const mine = (this.turn = {}); // a later attempt ends this one
    this.on.state({ name: "connecting" });
    try {
      const ack = await this.login(mine);
      await this.verify(mine, ack);
    } catch (error) {
      if (this.turn !== mine || !this.credentials) return;
      if (error instanceof Refused) this.leave({ name: "refused", words: error.message });
      else this.lose(error.message);
    }
  }

  open(mine, url) {
    if (this.turn !== mine || !this.credentials) throw new Error("left");
    const socket = new Socket(url);
    this.socket = socket;
    return socket;
  }

  async login(mine) {
    const socket = this.open(mine, `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/`);
    const ack = await socket.ask(LoginREQ, { ...this.credentials, protocol: ProtocolVersion.Version2 }, LoginACK);
    socket.close("done");
    if (ack.result !== ResultCode.NoError) throw new (isFinal(ack.result) ? Refused : Error)(why(ack));
    this.credentials = { ...this.credentials, create: false };
    return ack;
  }

  async verify(mine, ack) {
    const urls = usable(ack.urls);
    if (urls.length === 0) {
      throw new Error(`The gateway offers no ${location.protocol === "https:" ? "encrypted " : ""}WebSocket to browsers.`);
    }
    let socket, failure;
    for (const url of urls) {
      socket = this.open(mine, url);
      failure = await socket.opened.then(() => null, (error) => error);
      if (!failure) break;
    }
    if (failure) throw failure;
    const early = []; // what is said between the answer and our hearing of it
    socket.onmessage = (type, message) => early.push([type, message]);
    const claim = { game_token: ack.game_token, game_svc_id: ack.game_svc_id, protocol: ProtocolVersion.Version2 };
    const verified = await socket.ask(VerifyREQ, claim, VerifyACK);
    if (verified.result !== ResultCode.NoError) {
      socket.close("refused");
      throw new Error(isToken(verified.result) ? "The token of the login was not taken." : why(verified));
    }
    if (this.turn !== mine || socket.ended) throw new Error("The connection broke.");
    this.come(socket, verified.uid || ack.uid || this.credentials.uid);
    for (const [type, message] of early) this.hear(type, message);
  }

  come(socket, uid) {
    this.inside = true;
    let heard = true;
    this.heart = setInterval(() => {
      if (!heard) return socket.close("The gateway does not answer.");
      heard = false;
      socket.send(PingACK, {});
    }, HEARTBEAT_MS);
    this.settled = setTimeout(() => { this.wait = FIRST_WAIT_MS; }, SETTLED_MS);
    socket.onmessage = (type, message) => {
      heard = true;
      this.hear(type, message);
    };
    socket.onend = (words) => {
      if (this.socket !== socket) return;
      if (socket.said && endsForGood(socket.said.code)) this.leave({ name: "ended", words });
      else this.lose(words);
    };
    this.on.state({ name: "in", uid });
  }

  hear(type, message) {
    if (type !== PingACK) this.on.message(type, message);
  }

  lose(words) {
    this.stop();
    const wait = this.wait * (0.5 + Math.random() / 2);
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
    this.retry = setTimeout(() => this.attempt(), wait);
    this.on.state({ name: "lost", words, until: Date.now() + wait });
  }
}
