// Stops the PostgreSQL that the tests of this run shared, if any of them started it, and removes its data.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const STOP_MAX_MS = 10_000;
const POLL_MS = 20;

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

export default async function teardown() {
  const directory = process.env['SLIPWAY_TEST_POSTGRES'];
  const lock = path.join(directory, 'data', 'postmaster.pid');
  if (existsSync(lock)) {
    const pid = Number(readFileSync(lock, 'utf8').split('\n')[0]);
    // Immediate shutdown: nothing of this data will ever be read again.
    if (alive(pid)) process.kill(pid, 'SIGQUIT');
    for (const deadline = Date.now() + STOP_MAX_MS; alive(pid) && Date.now() < deadline;) await pause(POLL_MS);
  }
  rmSync(directory, { recursive: true, force: true });
}
