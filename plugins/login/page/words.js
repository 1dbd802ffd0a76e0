// What codes mean, for people.
import { types } from "./protocol.js";
import { seconds } from "./dom.js";

const { ResultCode: Result, NoticeACK, ChatREQ } = types.proto;
const Notice = NoticeACK.Code;

const results = {
  [Result.AgentNotFound]: "No gateway is up.",
  [Result.AgentAddressError]: "The gateway has no address that a browser can use.",
  [Result.GameNotFound]: "No game is up.",
  [Result.PlatformOff]: "This way of logging in is turned off here.",
  [Result.BadName]: "A name is 1 to 32 of a-z, A-Z, 0-9, “-”, “_” and “.”.",
  [Result.WrongCredentials]: "There is no such account, or it has another password.",
  [Result.TooManyAttempts]: "Too many attempts.",
  [Result.AccountExists]: "An account of this name is there already: log in with its password, or choose another name.",
  [Result.BadSecret]: "This password is too short or too long.",
  [Result.DataUnavailable]: "The database cannot be reached now. Try again in a moment.",
  [Result.NotEnoughCoins]: "Not enough coins.",
  [Result.HighestLevel]: "This is the highest level.",
  [Result.NotInGame]: "The game does not know you yet.",
  [Result.TextEmpty]: "There is nothing to say.",
  [Result.TextTooLong]: "This is too long.",
  [Result.TooFast]: "That was too fast.",
  [Result.BadChannel]: "A channel’s name is 1 to 32 of a-z, 0-9 and “-”.",
  [Result.NotInChannel]: "You are not in this channel.",
  [Result.PlayerUnknown]: "Nobody of that name was ever here.",
  [Result.PlayerBlocked]: "One of you has blocked the other.",
  [Result.ListFull]: "There may be no more of these.",
  [Result.MailboxFull]: "So many messages wait for that player that no more are taken.",
};

// Why something was refused: the service's own words first, since they say more.
export function why({ result, text, retry_after_ms: wait }) {
  const own = text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
  const words = own || results[result] || `Refused: ${Result[result] ?? `code ${result}`}.`;
  return wait ? `${words} Try again in ${seconds(wait)}.` : words;
}

// Results of a login after which the same login would fail again.
const final = [Result.PlatformOff, Result.BadName, Result.WrongCredentials, Result.TooManyAttempts, Result.AccountExists,
  Result.BadSecret];
export const isFinal = (result) => final.includes(result);
export const isToken = (result) => result >= Result.TokenMissing && result <= Result.TokenClaims;

const notices = {
  [Notice.Malformed]: "The gateway could not read a message of this page.",
  [Notice.TooLarge]: "A message was larger than the gateway takes.",
  [Notice.TooSlow]: "This page read too slowly: what waited for it was dropped.",
  [Notice.Blocked]: "Too many messages that nobody takes.",
  [Notice.NotAdmitted]: "The gateway did not let us in in time.",
  [Notice.Idle]: "The gateway had not heard from this page.",
  [Notice.Kicked]: "You were sent out.",
  [Notice.GoingDown]: "The gateway is going down.",
  [Notice.Full]: "The gateway is full.",
  [Notice.Replaced]: "You came in anew from another window or device. This one stays out.",
  [Notice.MessageBlocked]: "Nobody takes this message here.",
  [Notice.MessageNotAdmitted]: "This message came before you were let in.",
  [Notice.MessageMalformed]: "Its receiver could not read a message.",
  [Notice.NoService]: "The service for this is not up now.",
  [Notice.BackendLost]: "A service that you were with is gone. Another one will take its place.",
  [Notice.BoundAnew]: "Another service took its place: go on.",
  [Notice.MessageRefused]: "The service does not take this message.",
  [Notice.MessageFailed]: "The service failed while it handled a message. Try again.",
  [Notice.AlreadyVerified]: "You are in already.",
};

export function notice({ code, service, text, msg_id: id }) {
  const words = notices[code] ?? `The gateway says ${Notice[code] ?? code}${text ? `: ${text}` : ""}.`;
  const about = id === ChatREQ.$id ? "Your message was not said. " : "";
  return about + words + (service ? ` (${service})` : "");
}

// After these the gateway would do the same again: it is left to the player to come back.
export const endsForGood = (code) => code === Notice.Replaced || code === Notice.Kicked;
export const endsConnection = (code) => code > 0 && code < 100;
