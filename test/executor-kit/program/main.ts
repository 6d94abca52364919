import { parseArgs } from 'node:util';
import { readUnderTest } from './kit-file.js';
import { tellAll, type Verdict } from './tell.js';
import { WIRE_STORIES } from './wire-stories.js';

const USAGE = `usage: npm run executor-kit -- FILE [--context FILE] [--only WORDS] [--output json]
  FILE: a deployment with the executor command, whose program is run under Slipway's own agent;
        or a kit file, which names an agent program of your own (docs/executors/write-your-own.md).
  --context: what the deployment's templates see (version, resource, variables, …), as YAML.
Ends with 0 when every story that could be told holds, 1 when one does not, 2 when the file is not usable.`;

const MARKS = { passed: '✓', failed: '✗', notTold: '-' } as const;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { context: { type: 'string' }, only: { type: 'string' }, output: { type: 'string', default: 'text' } },
  });
  const [file] = positionals;
  if (file === undefined || positionals.length > 1 || !['text', 'json'].includes(values.output)) throw new Error(USAGE);
  const underTest = readUnderTest(file, values.context);
  const stories = WIRE_STORIES.filter(({ name }) => values.only === undefined || name.includes(values.only));
  if (stories.length === 0) throw new Error(`no story has the words "${values.only}" in its name`);
  const asText = values.output === 'text';
  const verdicts = await tellAll(underTest, stories, (verdict) => asText && process.stdout.write(lineOf(verdict)));
  const count = (result: Verdict['result']): number => verdicts.filter((verdict) => verdict.result === result).length;
  if (asText) process.stdout.write(`${count('passed')} hold, ${count('failed')} do not, ${count('notTold')} could not be told\n`);
  else process.stdout.write(`${JSON.stringify({ verdicts }, null, 2)}\n`);
  return count('failed') > 0 ? 1 : 0;
}

const lineOf = ({ story, result, because, seconds }: Verdict): string =>
  `${MARKS[result]} ${story} (${seconds} s)\n${because.map((text) => `    ${text.replaceAll('\n', '\n    ')}\n`).join('')}`;

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exit(2);
  },
);
