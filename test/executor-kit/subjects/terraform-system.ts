import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { JobSpec } from '@slipway/core';
import { passedEnvironment } from '../../../agents/src/executors/command/environment.js';
import { TerraformExecutor } from '../../../agents/src/executors/terraform/terraform.js';
import { HurriedTime } from '../../../agents/test/hurried-time.js';
import type { Life, Subject } from '../subject.js';

/** A shell that was begun in the background can't hear SIGINT, so every cancel comes to the last means. */
const GRACE_MS = 100;
const SECRET = 'hunter2-of-the-provider';

/**
 * In the place of Terraform, whose dozen calls for a run are too slow for stories of every instant: says what Terraform says of one resource,
 * writes down that an apply was begun, and ends it when it is told, or once the story's directory is gone. The real one is tried in agents/test/terraform.
 */
const PROGRAM = `#!/bin/sh
run=$BOOK/$SLIPWAY_JOB.$SLIPWAY_ATTEMPT
say() { printf '{"@level":"info","@message":"%s","type":"%s"%s}\\n' "$1" "$2" "$3"; }
hook=',"hook":{"resource":{"addr":"thing.one"},"action":"create"}'
case "$1" in
  version) echo '{"terraform_version":"1.11.4"}' ;;
  init) [ -z "$HOSTILE" ] || sh "$HOSTILE" ;;
  plan)
    for argument; do case "$argument" in -out=*) echo "a plan" > "\${argument#-out=}" ;; esac; done
    say 'thing.one: Plan to create' planned_change ',"change":{"resource":{"addr":"thing.one"},"action":"create"}'
    say 'Plan: 1 to add' change_summary ',"changes":{"add":1,"change":0,"remove":0,"import":0,"operation":"plan"}'
    exit 2 ;;
  show) [ "$2" = -json ] && echo '{}' || echo 'thing.one will be created' ;;
  apply)
    mkdir "$BOOK" 2>/dev/null
    echo $$ > "$run.pid.new" && mv "$run.pid.new" "$run.pid"
    echo begun >> "$run.begun"
    say 'thing.one: Plan to create' planned_change ',"change":{"resource":{"addr":"thing.one"},"action":"create"}'
    say 'thing.one: Creating...' apply_start "$hook"
    [ -z "$HOSTILE" ] || sh "$HOSTILE"
    while [ -d "$BOOK" ] && [ ! -e "$run.end" ]; do sleep 0.05; done
    if [ "$(cat "$run.end")" != succeeded ]; then
      say 'thing.one: Creation errored' apply_errored "$hook"
      say 'Error: it broke' diagnostic ',"diagnostic":{"severity":"error","summary":"it broke","detail":""}'
      exit 1
    fi
    say 'thing.one: Creation complete' apply_complete "$hook"
    say 'Apply complete!' change_summary ',"changes":{"add":1,"change":0,"remove":0,"import":0,"operation":"apply"}'
    say 'Outputs: 1' outputs ',"outputs":{"one":{"sensitive":false,"value":1}}' ;;
esac
exit 0
`;

const HOSTILE: Record<string, string> = {
  'much output': 'yes 0123456789012345678901234567890123456789 | head -c 3000000',
  'one endless line': 'head -c 3000000 /dev/zero | tr "\\\\0" x',
  'zero bytes, terminal sequences and bytes that are no text':
    'printf "a\\\\000b\\\\033[31mred\\\\377\\\\376 end\\\\n"; printf "\\\\355\\\\240\\\\200\\\\n" >&2',
  'a secret in its output': 'echo "token $TOKEN"; printf "{\\"@message\\":\\"$TOKEN\\",\\"type\\":\\"provision_progress\\"}\\n"',
  'lines of other shapes':
    'printf "{\\n[1,2]\\nnull\\n{\\"type\\":7,\\"@message\\":[]}\\n{\\"type\\":\\"apply_complete\\",\\"hook\\":3}\\n{\\"type\\":\\"change_summary\\",\\"changes\\":{\\"add\\":\\"x\\"}}\\n{\\"type\\":\\"outputs\\",\\"outputs\\":[]}\\n{\\"type\\":\\"diagnostic\\"}\\n{\\"type\\":\\"new_in_2030\\"}\\n"',
};

/** Terraform with a local state, which other agents do not see. */
export function terraformSubject(directory: string): Subject {
  const book = path.join(directory, 'book');
  const module = path.join(directory, 'module');
  mkdirSync(module, { recursive: true });
  const program = path.join(directory, 'terraform');
  writeFileSync(program, PROGRAM);
  chmodSync(program, 0o755);
  const env: Record<string, string> = { BOOK: book };
  const config: JobSpec['executor'] = { type: 'terraform', program, directory: module, env, secrets: { TOKEN: 'env:TOKEN' } };
  // What an agent's programs do outlives it, so a dead life has nothing to cut.
  const life = (): Life => ({ executor: new TerraformExecutor(passedEnvironment(process.env, []), GRACE_MS), kill: () => undefined });
  const file = (runId: string, name: string): string => path.join(book, `${runId}.${name}`);
  const pidOf = (runId: string): number | undefined =>
    existsSync(file(runId, 'pid')) ? Number(readFileSync(file(runId, 'pid'), 'utf8')) : undefined;
  const goesOn = (runId: string): boolean => {
    const pid = pidOf(runId);
    return pid !== undefined && existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program);
  };
  return {
    config,
    secrets: { TOKEN: SECRET },
    time: new HurriedTime(1),
    life,
    otherAgent: life,
    begun: (runId) => (existsSync(file(runId, 'begun')) ? readFileSync(file(runId, 'begun'), 'utf8').trim().split('\n').length : 0),
    goesOn,
    finish: (runId, how) => {
      writeFileSync(file(runId, 'end.new'), how);
      renameSync(file(runId, 'end.new'), file(runId, 'end'));
    },
    observesElsewhere: false,
    asksToConfirm: () => void (config['approve'] = 'always'),
    hostile: Object.fromEntries(
      Object.entries(HOSTILE).map(([name, text]) => [
        name,
        {
          arrange: () => {
            env.HOSTILE = path.join(directory, 'hostile.sh');
            writeFileSync(env.HOSTILE, text);
          },
          endsAs: ['succeeded'],
        },
      ]),
    ),
    close: async () => {
      const pid = pidOf('j1.1');
      if (pid !== undefined && goesOn('j1.1')) process.kill(pid, 'SIGKILL');
      return [];
    },
  };
}
