// Chromium, and a player who looks at the page in it.
import { createRequire } from "node:module";
import path from "node:path";
import assert from "node:assert/strict";
import { BOUND_MS } from "./processes.mjs";

const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

// `modules`: the folder that has playwright-core. The profile is a fresh one, made and removed by it.
export function launch(modules) {
  const { chromium } = createRequire(path.join(modules, "package.json"))("playwright-core");
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
}

export class Player {
  static async open(browser, address, options = {}) {
    const player = new Player();
    player.context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    await player.newTab(address);
    return player;
  }
  async newTab(address) {
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(BOUND_MS);
    this.complaints = [];
    this.page.on("pageerror", (error) => this.complaints.push(error.stack));
    this.page.on("console", (message) => {
      // That a host is away is what some tests are about.
      if (message.type() === "error" && !/WebSocket connection to .* failed/.test(message.text())) this.complaints.push(message.text());
    });
    await this.page.goto(address);
  }
  // A second tab, with what the first one keeps.
  async tab(address) {
    const other = new Player();
    other.context = this.context;
    await other.newTab(address);
    return other;
  }

  at(selector, options) { return this.page.locator(selector, options); }
  // Until an element has these words.
  async sees(selector, words) {
    await this.page.locator(selector).filter({ hasText: words }).first().waitFor().catch(async (error) => {
      throw new Error(`${error.message}\nThe page shows:\n${await this.at("body").innerText()}`);
    });
  }
  state(words) { return this.sees("#state-words", words); }
  async enter(name) {
    await this.at("#name").fill(name);
    await this.at("#name").press("Enter");
    await this.state("Connected");
  }
  async say(words) {
    await this.at("#say").fill(words);
    await this.at("#say").press("Enter");
  }
  async join(channel) {
    await this.at("#open-name").fill(channel);
    await this.at("#open-name").press("Enter");
  }
  tabOf(label) { return this.at("[role=tab]", { hasText: label }); }
  // One of the buttons under a name in the list of who is here.
  async choose(uid, action) {
    const row = this.at("#here li", { hasText: uid });
    await row.locator("summary").click();
    await row.getByRole("button", { name: action, exact: true }).click();
  }
  // What the log that is shown has of lines and notes.
  hears(words) { return this.sees("[role=log]:not([hidden]) .words", words); }
  reads(words) { return this.sees("[role=log]:not([hidden]) .note", words); }
  uid() { return this.at("#player-name").textContent(); }

  async shoot(file) { await this.page.screenshot({ path: file }); }
  async close() {
    await this.page.close();
    assert.deepEqual(this.complaints, [], "the browser's console is empty");
  }
}
