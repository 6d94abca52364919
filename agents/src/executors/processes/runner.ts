import { spawn } from 'node:child_process';
import { pause } from '../../timers.js';
import type { Run } from '../executor.js';
import { readTrace } from './trace.js';

/** A runner's first act is its mark; on the slowest machine that takes a moment. */
const RUNNER_MARKS_WITHIN_MS = 10_000;

/**
 * Runs the program and outlives the agent: it leads a session of its own, so a killed agent takes nothing with it, and it writes the exit
 * status to a file, so the outcome is known to whoever looks later. `mkdir` is the lock: of two runners for one run, one runs the program.
 * Where the stop file is there already, nothing is run any more: whoever writes it and then finds no mark knows that nothing will be.
 * Signals to the group reach the program; the runner itself only goes back to waiting. When the program is over, what it left behind in the
 * group is ended: asked first, then killed.
 */
const RUNNER = `
dir=$1; stop=$2; shift 2
trap : TERM INT HUP
mkdir "$dir/started" 2>/dev/null || exit 0
echo $$ >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid"
if [ -e "$stop" ]; then echo 143 >"$dir/exit.new" && mv "$dir/exit.new" "$dir/exit"; exit 0; fi
{ exec "$@"; } </dev/null >>"$dir/out" 2>>"$dir/err" &
program=$!
echo "$program" >"$dir/program.new" && mv "$dir/program.new" "$dir/program"
while :; do
  wait "$program"; status=$?
  [ "$status" -gt 128 ] && kill -0 "$program" 2>/dev/null || break
done
echo "$status" >"$dir/exit.new" && mv "$dir/exit.new" "$dir/exit"
trap '' TERM INT HUP
kill -TERM 0
sleep 0.2 2>/dev/null || sleep 1
kill -KILL 0
`;

export interface Launch {
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Nothing is run once this file is there. */
  stopFile: string;
}

/** Begin a runner that keeps its trace in `directory`. Resolves once it has left its mark there; what becomes of it stands in the directory. */
export async function launchRunner(
  run: Pick<Run, 'clock' | 'timers'>,
  directory: string,
  program: readonly string[],
  launch: Launch,
): Promise<void> {
  const { stopFile, ...options } = launch;
  await new Promise<void>((resolve, reject) => {
    const runner = spawn('/bin/sh', ['-c', RUNNER, 'slipway-runner', directory, stopFile, ...program], {
      ...options,
      detached: true,
      stdio: 'ignore',
    });
    runner.once('error', reject);
    runner.once('spawn', () => {
      runner.unref();
      resolve();
    });
  });
  const until = run.clock.monotonic() + RUNNER_MARKS_WITHIN_MS;
  while ((await readTrace(directory)).state === 'none') {
    if (run.clock.monotonic() >= until) throw new UnmarkedRunner();
    await pause(run.timers, 2);
  }
}

/** Whether anything was run is not known: not that the program could not be started. */
export class UnmarkedRunner extends Error {
  constructor() {
    super(`the runner left no mark within ${RUNNER_MARKS_WITHIN_MS / 1_000} s`);
  }
}
