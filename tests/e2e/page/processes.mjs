// What the page is tested against: a host and a chat on TCP, as anybody would start them.
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";

export const BOUND_MS = 60000; // for anything that is waited for

export async function until(what, test) {
  const deadline = Date.now() + BOUND_MS;
  for (;;) {
    const found = await test();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// A port that nobody listens on now, below those that connections get: it is free still when a host starts again.
export async function freePort() {
  for (;;) {
    const port = 12000 + Math.floor(20000 * Math.random());
    const free = await new Promise((resolve) => {
      const server = net.createServer().once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
}

class Process {
  constructor(program, words, variables = {}) {
    this.output = "";
    this.child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...variables } });
    this.ended = new Promise((resolve) => this.child.once("exit", (code, signal) => resolve(signal ?? code)));
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (data) => { this.output += data; });
  }
  get running() { return this.child.exitCode === null && this.child.signalCode === null; }
  kill(signal) {
    this.child.kill(signal);
    return this.ended;
  }
}

// `cellmesh host --dev` with the shipped plugins, on ports and with a database that stay when it is started again.
export class Host {
  constructor(build, folder) {
    Object.assign(this, { program: path.join(build, "bin/cellmesh"), plugins: path.join(build, "plugins"), folder });
    this.ready = path.join(folder, "ready.json");
  }
  async start() {
    this.ports ??= [await freePort(), await freePort()];
    fs.rmSync(this.ready, { force: true });
    this.process = new Process(this.program, ["host", "--dev", "--login-port", this.ports[0], "--login-ws-port", this.ports[1],
      "--plugin-dir", this.plugins, "--ready-file", this.ready, "--admin-socket", path.join(this.folder, "admin.sock"),
      ...this.words].map(String), { CELLMESH_DATABASE: `sqlite:${path.join(this.folder, "players.db")}` });
    await until("the host is up", () => {
      if (!this.process.running) throw new Error(`the host ended:\n${this.process.output}`);
      return fs.existsSync(this.ready) && fs.statSync(this.ready).size > 0;
    });
    const { frontends } = JSON.parse(fs.readFileSync(this.ready, "utf8"));
    const login = frontends.find(({ service, transport }) => service.startsWith("login#") && transport === "ws");
    this.page = login.url.replace(/^ws/, "http");
    this.login = `127.0.0.1:${this.ports[0]}`;
  }
  get words() { return []; }
  kill9() { return this.process.kill("SIGKILL"); }
  // Ends well, or says how not.
  async stop() {
    const code = await this.process.kill("SIGTERM");
    if (code !== 0) throw new Error(`the host ended with ${code}:\n${this.process.output.slice(-4000)}`);
  }
}

// `cellmesh chat`, which somebody types into.
export class ChatProgram extends Process {
  constructor(host, name) { super(host.program, ["chat", "--login", host.login, "--name", name]); }
  type(line) { this.child.stdin.write(`${line}\n`); }
  shows(words) { return until(`the chat shows "${words}" in:\n${this.output}`, () => this.output.includes(words)); }
  leave() {
    this.child.stdin.end();
    return this.ended;
  }
}
