import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { JobSpec } from '@slipway/core';
import { CommandExecutor } from '../../../agents/src/executors/command/command.js';
import { passedEnvironment } from '../../../agents/src/executors/command/environment.js';
import { HurriedTime } from '../../../agents/test/hurried-time.js';
import type { Life, Subject } from '../subject.js';

const GRACE_MS = 500;
const SECRET = 'hunter2-of-the-program';

/**
 * A program that writes down that it was begun, and ends when it is told. It takes a lock by the run's name, as a program must that several agents
 * may run: between its launch and its first mark nobody but that lock can tell. Whoever comes second ends as the first does, and all end once the
 * story's directory is gone.
 */
const PROGRAM = `
run=$BOOK/$SLIPWAY_JOB.$SLIPWAY_ATTEMPT
mkdir "$BOOK" 2>/dev/null
mkdir "$run" 2>/dev/null || {
  while [ -d "$run" ] && [ ! -e "$run/ended" ] && { [ ! -e "$run/pid" ] || kill -0 "$(cat "$run/pid")" 2>/dev/null; }; do sleep 0.05; done
  exit "$(cat "$run/ended" || echo 1)"
}
echo $$ > "$run/pid.new" && mv "$run/pid.new" "$run/pid"
[ -z "$HOSTILE" ] || sh "$HOSTILE"
echo working
while [ -d "$run" ] && [ ! -e "$run/end" ]; do sleep 0.05; done
[ "$(cat "$run/end")" = succeeded ] || status=1
echo "\${status:-0}" > "$run/ended.new" && mv "$run/ended.new" "$run/ended"
exit \${status:-0}
`;

/** By its exit status (docs: executor \`command\`, \`observe\`). */
const OBSERVE = `
run=$BOOK/$SLIPWAY_JOB.$SLIPWAY_ATTEMPT
[ -e "$run" ] || exit 10
[ -e "$run/ended" ] && { [ "$(cat "$run/ended")" = 0 ] && exit 0 || exit 20; }
[ -e "$run/pid" ] || exit 30
kill -0 "$(cat "$run/pid")" 2>/dev/null && exit 30
exit 20
`;

const HOSTILE: Record<string, string> = {
  'much output': 'yes 0123456789012345678901234567890123456789 | head -c 3000000',
  'one endless line': 'head -c 3000000 /dev/zero | tr "\\\\0" x',
  'zero bytes, terminal sequences and bytes that are no text':
    'printf "a\\\\000b\\\\033[31mred\\\\033]0;title\\\\007\\\\377\\\\376\\\\xc3\\\\x28 end\\\\n"; printf "\\\\355\\\\240\\\\200\\\\n" >&2',
  'a secret in the output, in progress and in a link':
    'echo "token $TOKEN"; echo "::progress 10 with $TOKEN"; echo "::link $TOKEN https://example.org/$TOKEN"; printf "{\\"token\\": \\"$TOKEN\\"}" > "$SLIPWAY_OUTPUTS"',
  'outputs that are no JSON': 'echo "{ no" > "$SLIPWAY_OUTPUTS"',
  'outputs of another shape': 'echo "[1,2]" > "$SLIPWAY_OUTPUTS"',
  'outputs that are too large':
    'printf "{\\"x\\":\\"" > "$SLIPWAY_OUTPUTS"; head -c 2000000 /dev/zero | tr "\\\\0" y >> "$SLIPWAY_OUTPUTS"; printf "\\"}" >> "$SLIPWAY_OUTPUTS"',
  'progress that makes no sense':
    'echo "::progress 900 far"; echo "::progress -1"; echo "::progress x y z"; echo "::link"; echo "::progress"',
};

/** Programs under the executor `command`; with `observes`, the config has a program that tells other agents what became of a run. */
export function commandSubject(directory: string, { observes }: { observes: boolean }): Subject {
  const book = path.join(directory, 'book');
  mkdirSync(directory, { recursive: true });
  const script = (name: string, text: string): string => {
    const file = path.join(directory, name);
    writeFileSync(file, text);
    return file;
  };
  const program = ['sh', script('program.sh', PROGRAM)];
  const observe = observes ? { observe: ['sh', script('observe.sh', OBSERVE)] } : {};
  const env: Record<string, string> = { BOOK: book };
  const config: JobSpec['executor'] = { type: 'command', run: program, ...observe, env, secrets: { TOKEN: 'env:TOKEN' } };
  // What an agent's programs do outlives it, so a dead life has nothing to cut.
  const life = (): Life => ({ executor: new CommandExecutor(passedEnvironment(process.env, []), GRACE_MS), kill: () => undefined });
  const file = (runId: string, name: string): string => path.join(book, runId, name);
  const goesOn = (runId: string): boolean => existsSync(file(runId, 'pid')) && isAlive(Number(readFileSync(file(runId, 'pid'), 'utf8')));
  return {
    config,
    secrets: { TOKEN: SECRET },
    time: new HurriedTime(1),
    life,
    otherAgent: life,
    begun: (runId) => (existsSync(file(runId, 'pid')) ? 1 : 0),
    goesOn,
    finish: (runId, how) => {
      writeFileSync(file(runId, 'end.new'), how);
      renameSync(file(runId, 'end.new'), file(runId, 'end'));
    },
    observesElsewhere: observes,
    hostile: Object.fromEntries(
      Object.entries(HOSTILE).map(([name, text]) => [
        name,
        { arrange: () => void (env.HOSTILE = script('hostile.sh', text)), endsAs: ['succeeded'] },
      ]),
    ),
    close: async () => {
      if (goesOn('j1.1')) process.kill(Number(readFileSync(file('j1.1', 'pid'), 'utf8')), 'SIGKILL');
      return [];
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
