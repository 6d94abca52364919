import { spawn } from 'node:child_process';

/**
 * Runs the program and outlives the agent: it leads a session of its own, so a killed agent takes nothing with it, and it writes the exit
 * status to a file, so the outcome is known to whoever looks later. `mkdir` is the lock: of two runners for one run, one runs the program.
 * Signals to the group reach the program; the runner itself only goes back to waiting. When the program is over, what it left behind in the
 * group is ended: asked first, then killed.
 */
const RUNNER = `
dir=$1; shift
trap : TERM INT HUP
mkdir "$dir/started" 2>/dev/null || exit 0
echo $$ >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid"
{ exec "$@"; } </dev/null >>"$dir/out" 2>>"$dir/err" &
program=$!
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

/** Begin a runner for the run in `directory`. Resolves once it exists; what becomes of it stands in the directory. */
export function launchRunner(
  directory: string,
  program: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const runner = spawn('/bin/sh', ['-c', RUNNER, 'slipway-runner', directory, ...program], {
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
}
