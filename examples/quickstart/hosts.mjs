// The init system of all the shop's machines, in one process: for every <host>/<service>/current.json below SLIPWAY_HOSTS_DIR it keeps that
// version of the service running, replaces it when the file changes, starts it again when it dies, and stops all of it on SIGTERM or SIGINT.
// Killed with kill -9 it leaves nothing behind either: the services notice that the pipe to it is closed.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const LOOK_EVERY_MS = 100;
const RESTART_MS = { first: 200, max: 3_000 };
/** A service that ran this long starts again at once. */
const STEADY_MS = 5_000;
const KILL_AFTER_MS = 2_000;
/** A service needs little; sixteen of them run at once. */
const SMALL = ['--max-old-space-size=24', '--max-semi-space-size=1'];

const root = path.resolve(process.env.SLIPWAY_HOSTS_DIR ?? '.slipway/hosts');
mkdirSync(root, { recursive: true });

/** One service on one host. */
class Unit {
  child;
  wanted;
  modifiedMs = 0;
  retryMs = RESTART_MS.first;
  retryAt = 0;
  stopping = false;

  constructor(host, service) {
    this.host = host;
    this.service = service;
    this.home = path.join(root, host, service);
  }

  /** Bring what runs to what is wanted. */
  look() {
    const file = path.join(this.home, 'current.json');
    const modifiedMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (modifiedMs !== this.modifiedMs) {
      this.modifiedMs = modifiedMs;
      this.wanted = modifiedMs === 0 ? undefined : JSON.parse(readFileSync(file, 'utf8'));
      this.retryMs = RESTART_MS.first;
      this.retryAt = 0;
      if (this.child) return this.stop();
    }
    if (this.wanted && !this.child && Date.now() >= this.retryAt) this.start();
  }

  start() {
    const { version, directory } = this.wanted;
    const log = openSync(path.join(this.home, 'service.log'), 'a');
    const child = spawn(process.execPath, [...SMALL, path.join(this.home, directory, 'server.mjs')], {
      stdio: ['pipe', log, log],
      env: {},
    });
    const startedAt = Date.now();
    this.child = child;
    child.stdin.on('error', () => {});
    child.on('error', (error) => this.note(`cannot start ${this.service} ${version}: ${error.message}`));
    child.on('close', (code, signal) => {
      if (this.child !== child) return;
      this.child = undefined;
      if (!this.stopping) {
        this.note(`${this.service} ${version} ended by itself (${signal ?? code})`);
        if (Date.now() - startedAt > STEADY_MS) this.retryMs = RESTART_MS.first;
        this.retryAt = Date.now() + this.retryMs;
        this.retryMs = Math.min(this.retryMs * 2, RESTART_MS.max);
      }
      this.stopping = false;
      if (!leaving) this.look();
    });
  }

  /** Ask it to end, and insist in the end. Resolves when it has. */
  stop() {
    const { child } = this;
    if (!child) return Promise.resolve();
    this.stopping = true;
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    return new Promise((resolve) => {
      child.once('close', () => {
        clearTimeout(insist);
        resolve();
      });
    });
  }

  note(line) {
    appendFileSync(path.join(root, this.host, 'host.log'), `${new Date().toISOString()} ${line}\n`);
  }
}

const units = new Map();
let leaving = false;

const folders = (directory) => readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());

function lookAtAll() {
  for (const host of folders(root)) {
    for (const service of folders(path.join(root, host.name))) {
      const key = `${host.name}/${service.name}`;
      if (!units.has(key) && existsSync(path.join(root, key, 'current.json'))) units.set(key, new Unit(host.name, service.name));
    }
  }
  for (const unit of units.values()) unit.look();
}

async function leave() {
  if (leaving) return;
  leaving = true;
  clearInterval(looking);
  await Promise.all([...units.values()].map((unit) => unit.stop()));
  process.exit(0);
}

const looking = setInterval(lookAtAll, LOOK_EVERY_MS);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => void leave());
lookAtAll();
process.stdout.write(`hosts in ${root}: ${units.size} services\n`);
