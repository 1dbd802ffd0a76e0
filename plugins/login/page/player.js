// The player's card. A level-up is asked for under an id that is kept until it is answered, however often the connection
// breaks meanwhile: the same id again buys nothing twice.
import { types } from "./protocol.js";
import { byId, number, randomId, setText } from "./dom.js";
import { notice, why } from "./words.js";

const { LevelUpACK, LevelUpREQ, PlayerACK, PlayerREQ, ResultCode } = types.proto;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 8000;
const REFRESH_MS = 30000; // experience grows with the time

const again = [ResultCode.DataUnavailable, ResultCode.TooFast, ResultCode.NotInGame];

export class Player {
  constructor(send) {
    this.send = send;
    byId("level-up").addEventListener("click", () => this.levelUp());
    setInterval(() => { if (!document.hidden) this.refresh(); }, REFRESH_MS);
  }

  come(uid) {
    if (uid !== this.uid) this.forget();
    this.uid = uid;
    setText(byId("player-name"), uid);
    byId("player-name").title = uid;
    setText(byId("avatar"), uid.replace(/^guest-/, "").slice(0, 1).toUpperCase());
    this.inside = true;
    this.refresh();
    if (this.pending) this.ask();
    this.show();
  }
  lose() {
    this.inside = false;
    clearTimeout(this.timer);
    if (this.pending) this.say("Connection lost: this level-up is kept, and asked for again under the same id.");
    this.show();
  }
  forget() {
    clearTimeout(this.timer);
    this.uid = this.pending = this.known = null;
    this.inside = false;
    this.say("");
    this.show();
  }
  refresh() { if (this.inside) this.send(PlayerREQ, {}); }

  levelUp() {
    if (this.pending || !this.inside) return;
    this.pending = { id: randomId(), wait: FIRST_RETRY_MS };
    this.say("");
    this.ask();
    this.show();
  }
  ask() {
    clearTimeout(this.timer);
    this.send(LevelUpREQ, { request_id: this.pending.id });
    this.timer = setTimeout(() => this.ask(), this.pending.wait + 4000); // no answer at all
  }
  retry(words) {
    clearTimeout(this.timer);
    this.say(`${words} Trying the same again.`);
    this.timer = setTimeout(() => this.ask(), this.pending.wait);
    this.pending.wait = Math.min(2 * this.pending.wait, LONGEST_RETRY_MS);
  }

  // True when the message was for the card.
  hear(type, message) {
    if (type === PlayerACK) this.hearPlayer(message);
    else if (type === LevelUpACK) this.hearLevelUp(message);
    else return false;
    return true;
  }
  hearPlayer(message) {
    if (message.result !== ResultCode.NoError) {
      this.say(why(message));
      clearTimeout(this.later);
      this.later = setTimeout(() => this.refresh(), 3000);
      return;
    }
    const { level, coins, experience, next_price: price } = message;
    this.known = { level, coins, experience, price };
    this.show();
  }
  hearLevelUp(message) {
    if (!this.pending || message.request_id !== this.pending.id) return; // an answer that was asked for twice
    if (again.includes(message.result)) return this.retry(why(message));
    clearTimeout(this.timer);
    this.pending = null;
    const { level, coins, price } = message;
    if (message.result === ResultCode.NoError) {
      this.say(`You are level ${level} now, for ${number(price)} coins.`, "good");
      if (this.known) Object.assign(this.known, { level, coins, experience: message.experience });
    } else if (message.result === ResultCode.NotEnoughCoins) {
      this.say(`Not enough coins: the next level costs ${number(price)}, and you have ${number(coins)}.`, "bad");
      if (this.known) Object.assign(this.known, { coins, price });
    } else {
      this.say(why(message), "bad");
    }
    this.refresh();
    this.show();
  }
  // True when the notice was about the card.
  hearNotice(message) {
    if (message.msg_id === LevelUpREQ.$id && this.pending) {
      this.retry(notice(message));
      return true;
    }
    if (message.msg_id !== PlayerREQ.$id) return false;
    this.say(notice(message));
    clearTimeout(this.later);
    this.later = setTimeout(() => this.refresh(), 3000);
    return true;
  }

  // --- what is seen

  say(words, mood = "") {
    setText(byId("level-result"), words);
    byId("level-result").dataset.mood = mood;
  }
  show() {
    const { level, coins, experience, price } = this.known ?? {};
    setText(byId("level"), this.known ? number(level) : "–");
    setText(byId("coins"), this.known ? number(coins) : "–");
    setText(byId("experience"), this.known ? number(experience) : "–");
    const top = this.known && price === 0n;
    const have = this.known ? Math.min(1, price === 0n ? 1 : Number(coins) / Number(price)) : 0;
    byId("saved").value = have;
    setText(byId("saved-words"), !this.known ? "\u00a0" : top ? "The highest level"
      : have === 1 ? `Level ${level + 1} costs ${number(price)} coins`
      : `${number(coins)} of ${number(price)} coins for level ${level + 1}`);
    setText(byId("level-up"), this.pending ? "Levelling up…" : "Level up");
    byId("level-up").disabled = !this.inside || !this.known || Boolean(this.pending) || top;
  }
}
