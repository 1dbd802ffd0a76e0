// The demo page in a real Chromium, against a real host.
//   node page_test.mjs BUILD MODULES: the build folder, and where install.sh put playwright-core
// Screenshots of what was seen stay in MODULES/screenshots.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import { launch, Player } from "./browser.mjs";
import { ChatProgram, Host, until } from "./processes.mjs";

const [build, modules] = process.argv.slice(2);
const { pack, types, unpack } = await import(pathToFileURL(path.join(build, "plugins/login/page/protocol.js")));
const { ChatACK, JoinChannelACK, JoinChannelREQ, LevelUpACK, LevelUpREQ, ResultCode } = types.proto;
const shots = path.join(modules, "screenshots");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "cellmesh-page-"));
const host = new Host(build, folder);
let browser;

before(async () => {
  fs.rmSync(shots, { recursive: true, force: true });
  fs.mkdirSync(shots, { recursive: true });
  await host.start();
  browser = await launch(modules);
});
after(async () => {
  await browser?.close();
  await host.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

const open = (options) => Player.open(browser, host.page, options);
const shot = (name) => path.join(shots, `${name}.png`);
let names = 0;
const newName = (word) => `${word}${++names}`;

async function levelUpUntilRefused(player) {
  await player.at("#level-up:not([disabled])").waitFor();
  for (let i = 0; i < 100; ++i) {
    const before = await player.at("#level-result").textContent();
    await player.at("#level-up").click();
    const now = await until("the level-up is answered", async () => {
      const words = await player.at("#level-result").textContent();
      return words && words !== before && !words.endsWith("Trying the same again.") ? words : null;
    });
    if (!now.startsWith("You are level")) return now;
  }
  throw new Error("a hundred levels, and there are coins left");
}
const coinsOf = async (player) => Number((await player.at("#coins").textContent()).replaceAll(",", ""));

test("a guest comes in and sees who it is", async () => {
  const ann = await open();
  await ann.shoot(shot("login"));
  assert.equal(await ann.at("#level-up").isDisabled(), true);
  const name = newName("ann");
  await ann.enter(name);
  assert.match(await ann.uid(), new RegExp(`${name}$`));
  await ann.sees("#level", "1");
  assert.ok((await coinsOf(ann)) > 0);
  await ann.sees("#here .me .name", name);
  await ann.close();
});

test("a name that is none is said, and nothing is sent", async () => {
  const ann = await open();
  await ann.at("#name").fill("not a name");
  await ann.at("#enter").click();
  await ann.sees("#login-error", "A name is 1 to 32");
  await ann.state("Not logged in");
  await ann.close();
});

test("what one types in the browser and on TCP reaches the other", async () => {
  const ann = await open();
  await ann.enter(newName("ann"));
  const bob = new ChatProgram(host, newName("bob"));
  await until("bob is in", () => /you are /.test(bob.output));
  await ann.say("hello out there");
  await bob.shows("hello out there");
  bob.type("hello in there");
  await ann.hears("hello in there");
  await until("no line waits", async () => (await ann.at(".line.waiting").count()) === 0);
  assert.equal(await ann.at(".words", { hasText: "hello out there" }).filter({ hasText: "hello out there" }).count(), 1);
  await ann.shoot(shot("chat"));
  assert.equal(await bob.leave(), 0);
  await ann.close();
});

test("what others say is text, however it looks", async () => {
  const ann = await open();
  await ann.enter(newName("ann"));
  const bob = await open();
  await bob.enter(newName("bob"));
  const evil = "<img src=x onerror=\"document.title='owned'\"><b>bold</b> &amp; " + "long".repeat(60);
  await bob.say(evil);
  await ann.hears(evil);
  assert.equal(await ann.at("[role=log] img, [role=log] b").count(), 0);
  assert.equal(await ann.page.title(), "cellmesh lobby");
  await ann.close();
  await bob.close();
});

test("the page runs no script but its own", async () => {
  const ann = await open();
  await ann.page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "document.title = 'owned'";
    document.head.append(script);
  });
  assert.equal(await ann.page.title(), "cellmesh lobby");
  assert.match(ann.complaints.join("\n"), /Content Security Policy/);
  ann.complaints.length = 0;
  await ann.close();
});

test("a player pays for levels until the coins run out, and is told so", async () => {
  const ann = await open();
  await ann.enter(newName("ann"));
  const words = await levelUpUntilRefused(ann);
  assert.match(words, /^Not enough coins: the next level costs [\d,]+, and you have [\d,]+\.$/);
  assert.ok(Number(await ann.at("#level").textContent()) > 1);
  await ann.shoot(shot("coins-run-out"));
  await ann.close();
});

test("a level-up whose answer was lost is asked for again under the same id, and paid once", async () => {
  const ann = await open();
  const asked = [];
  let cuts = 1;
  await ann.page.routeWebSocket(/.*/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((data) => {
      const { type, message } = unpack(data);
      if (type === LevelUpREQ) asked.push(message.request_id);
      server.send(data);
    });
    server.onMessage((data) => {
      if (unpack(data).type !== LevelUpACK || cuts-- <= 0) return socket.send(data);
      socket.close();
      server.close();
    });
  });
  await ann.page.reload();
  await ann.enter(newName("ann"));
  await ann.at("#level-up:not([disabled])").waitFor();
  await until("the coins are known", async () => (await coinsOf(ann)) > 0);
  const coins = await coinsOf(ann);
  await ann.at("#level-up").click();
  await ann.sees("#level-result", "You are level 2 now");
  const price = Number((await ann.at("#level-result").textContent()).match(/for ([\d,]+) coins/)[1].replaceAll(",", ""));
  assert.ok(asked.length >= 2, `${asked.length} requests`);
  assert.equal(new Set(asked).size, 1);
  assert.ok((await coinsOf(ann)) >= coins - price, "paid once");
  await ann.sees("#level", "2");
  await ann.close();
});

test("the connection breaks, and comes back by itself", async () => {
  const ann = await open();
  await ann.enter(newName("ann"));
  await ann.say("before");
  await ann.hears("before");
  await host.kill9();
  await ann.state("Connection lost");
  await ann.at(".wait button").waitFor();
  assert.equal(await ann.at("#send").isDisabled(), true);
  assert.equal(await ann.at("#level-up").isDisabled(), true);
  await ann.at("#say").fill("what is typed meanwhile stays");
  await ann.shoot(shot("lost"));
  await host.start();
  await ann.state("Connected");
  await ann.reads("You are back.");
  assert.equal(await ann.at("#say").inputValue(), "what is typed meanwhile stays");
  await ann.at("#say").press("Enter");
  await ann.hears("what is typed meanwhile stays");
  await ann.shoot(shot("back"));
  await ann.close();
});

test("who comes in a second time replaces the first, who is told why and stays out", async () => {
  const first = await open();
  const name = newName("ann");
  await first.enter(name);
  const second = await first.tab(host.page);
  assert.equal(await second.at("#name").inputValue(), name, "the name is remembered");
  await second.enter(name);
  await first.sees("#login-error", "You came in anew from another window or device.");
  await first.state("Closed");
  await first.shoot(shot("replaced"));
  await second.say("still here");
  await second.hears("still here");
  assert.equal(await first.at("#state-words").textContent(), "Closed");
  await second.close();
  await first.close();
});

test("a channel has its members, and what was said in it for who joins later", async () => {
  const ann = await open();
  await ann.enter(newName("ann"));
  const bob = await open();
  await bob.enter(newName("bob"));
  await ann.join("tea");
  await ann.sees("#talk-title", "Channel #tea, 1 member");
  await ann.say("is there any left");
  await until("it is said", async () => (await ann.at(".line.waiting").count()) === 0);
  await bob.join("tea");
  await bob.hears("is there any left");
  await bob.sees("#talk-title", "Channel #tea, 2 members");
  await bob.sees("#here-title", "In #tea: 2");
  await bob.say("plenty");
  await ann.hears("plenty");
  await ann.shoot(shot("channel"));
  await bob.at("#talk-leave").click();
  await bob.sees("[role=tab][aria-selected=true]", "World");
  assert.equal(await bob.at(".words", { hasText: "plenty" }).count(), 0);
  await ann.close();
  await bob.close();
});

test("what is still on its way from a channel that one left does not bring it back", async () => {
  const ann = await open();
  const late = [];
  await ann.page.routeWebSocket(/.*/, (socket) => {
    socket.connectToServer().onMessage((data) => {
      const { type, message } = unpack(data);
      if (type === ChatACK && message.channel) late.push(() => socket.send(data));
      else socket.send(data);
    });
  });
  await ann.page.reload();
  await ann.enter(newName("ann"));
  const bob = await open();
  await bob.enter(newName("bob"));
  for (const player of [ann, bob]) {
    await player.join("soup");
    await player.sees("#talk-title", "Channel #soup");
  }
  await bob.say("too late");
  await until("it is on its way to Ann", () => late.length > 0);
  await ann.at("#talk-leave").click();
  for (const hand of late) hand();
  await bob.tabOf("World").click();
  await bob.say("to all");
  await ann.hears("to all");
  assert.equal(await ann.at("[role=tab]").count(), 1);
  await ann.close();
  await bob.close();
});

test("a channel that one left before it could be joined again stays left", async () => {
  const ann = await open();
  const retry_after_ms = 5000; // enough to leave in
  const asked = [];
  let cut;
  await ann.page.routeWebSocket(/.*/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((data) => {
      const { type, message } = unpack(data);
      if (type === JoinChannelREQ && asked.push(message.channel) > 1) {
        const refusal = { result: ResultCode.TooFast, channel: message.channel, retry_after_ms };
        socket.send(Buffer.from(pack(JoinChannelACK, refusal)));
      } else {
        server.send(data);
      }
    });
    server.onMessage((data) => socket.send(data));
    cut = () => { socket.close(); server.close(); };
  });
  await ann.page.reload();
  await ann.enter(newName("ann"));
  await ann.join("stew");
  await ann.sees("#talk-title", "Channel #stew");
  cut();
  await until("it is to be joined again", () => asked.length === 2);
  await ann.state("Connected");
  await ann.at("#talk-leave").click();
  await ann.page.evaluate((ms) => new Promise((resolve) => setTimeout(resolve, ms)), retry_after_ms);
  await ann.say("behind it");
  await ann.hears("behind it");
  await until("the line is answered", async () => (await ann.at(".line.waiting").count()) === 0);
  assert.deepEqual(asked, ["stew", "stew"]);
  await ann.close();
});

test("a name of no channel is refused, and said", async () => {
  const ann = await open();
  await ann.enter(newName("ann"));
  await ann.join("No Such!");
  await ann.reads("#No Such!:");
  assert.equal(await ann.at("[role=tab]").count(), 1);
  await ann.close();
});

test("a private talk is between two", async () => {
  const bob = await open();
  await bob.enter(newName("bob"));
  const carl = await open();
  await carl.enter(newName("carl"));
  const ann = await open();
  await ann.enter(newName("ann"));
  const [me, you] = [await ann.uid(), await bob.uid()];
  await ann.choose(you, "Message");
  await ann.sees("#talk-title", `Only ${you} hears this`);
  await ann.say("between us");
  await bob.sees(`[role=tab][aria-label="${me}, 1 new"]`, me);
  await bob.tabOf(me).click();
  await bob.hears("between us");
  await bob.say("of course");
  await ann.hears("of course");
  await ann.shoot(shot("private"));
  await ann.tabOf("World").click();
  await ann.say("for all ears");
  await carl.hears("for all ears");
  assert.equal(await carl.at(".words", { hasText: "between us" }).count(), 0);
  assert.equal(await carl.at("[role=tab]").count(), 1);
  for (const player of [ann, bob, carl]) await player.close();
});

test("a friend is seen to leave and to come", async () => {
  const bob = await open();
  const name = newName("bob");
  await bob.enter(name);
  const uid = await bob.uid();
  const ann = await open();
  await ann.enter(newName("ann"));
  await ann.choose(uid, "Befriend");
  await ann.sees("#friends li", new RegExp(`${uid}\\s*here`));
  await ann.shoot(shot("friend"));
  await bob.at("#leave").click();
  await bob.state("Not logged in");
  await ann.sees("#friends li", new RegExp(`${uid}\\s*away`));
  await ann.reads(`${uid} left`);
  await bob.enter(name);
  await ann.sees("#friends li", new RegExp(`${uid}\\s*here`));
  await ann.reads(`${uid} came`);
  await ann.close();
  await bob.close();
});

test("who is blocked is not heard", async () => {
  const bob = await open();
  await bob.enter(newName("bob"));
  const ann = await open();
  await ann.enter(newName("ann"));
  const [me, you] = [await ann.uid(), await bob.uid()];
  await ann.choose(you, "Block");
  await ann.sees("#blocked li", you);
  await bob.choose(me, "Message");
  await bob.say("can you hear me");
  await bob.sees(".line.failed .reason", "Not said.");
  assert.equal(await ann.at("[role=tab]").count(), 1);
  await ann.close();
  await bob.close();
});

test("an account opens to its password alone", async () => {
  const ann = await open();
  const name = newName("ann");
  const tries = async (secret, create) => {
    await ann.at("#name").fill(name);
    await ann.at("#secret").fill(secret);
    await ann.at("#create").setChecked(create);
    await ann.at("#enter").click();
  };
  await ann.at("label", { hasText: "Account" }).first().click();
  await ann.shoot(shot("account"));
  await tries("short", true);
  await ann.sees("#login-error", "8 to 128 bytes");
  await tries("correct horse battery", true);
  await ann.state("Connected");
  assert.equal(await ann.uid(), name);
  await ann.at("#leave").click();
  await ann.state("Not logged in");
  await tries("correct horse staple", false);
  await ann.sees("#login-error", "No account has this name and this secret");
  await tries("correct horse battery", false);
  await ann.state("Connected");
  assert.equal(await ann.uid(), name);
  await ann.close();
});

for (const [name, width, height, colorScheme] of [["phone-light", 360, 740, "light"], ["phone-dark", 360, 740, "dark"],
  ["tablet-light", 820, 1000, "light"], ["desktop-light", 1600, 900, "light"], ["desktop-dark", 1600, 900, "dark"]]) {
  test(`nothing is cut off or moves: ${name}`, async () => {
    const ann = await open({ viewport: { width, height }, colorScheme });
    const fits = async () => assert.deepEqual(await ann.page.evaluate(() => [document.documentElement.scrollWidth <= innerWidth,
      document.documentElement.scrollHeight <= innerHeight]), [true, true]);
    await fits();
    await ann.shoot(shot(`${name}-login`));
    await ann.enter(newName("a-long-name-of-26-letter"));
    await ann.at("#level-up:not([disabled])").waitFor();
    const before = await ann.at(".chat").boundingBox();
    for (const words of ["a first line", "w".repeat(300), "several words ".repeat(30)]) await ann.say(words);
    await ann.hears("several words");
    await levelUpUntilRefused(ann);
    assert.deepEqual(await ann.at(".chat").boundingBox(), before, "the layout stays as it was");
    await fits();
    await ann.shoot(shot(`${name}-lobby`));
    await ann.close();
  });
}
