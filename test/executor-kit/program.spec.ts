import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readUnderTest, type UnderTest } from './program/kit-file.js';
import { tellAll, type Verdict } from './program/tell.js';
import { WIRE_STORIES } from './program/wire-stories.js';

/* The kit for executors of people's own, as `npm run executor-kit` runs it. Needs `npm run build`. */

const EXAMPLE = 'examples/executor-over-nats/kit.yaml';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'slipway-kit-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  writeFileSync(path.join(directory, name), text);
  return path.join(directory, name);
};

function tell(underTest: UnderTest, names: readonly string[], patienceMs?: number): Promise<Verdict[]> {
  const stories = WIRE_STORIES.filter((story) => names.some((name) => story.name.includes(name)));
  expect(stories).toHaveLength(names.length);
  return tellAll(underTest, stories, () => undefined, patienceMs);
}

const failures = (verdicts: readonly Verdict[]): Verdict[] => verdicts.filter(({ result }) => result !== 'passed');

/** The example's agent with one thing in it wrong. */
function spoiled(name: string, right: string, wrong: string): UnderTest {
  const text = readFileSync('examples/executor-over-nats/agent.mjs', 'utf8');
  expect(text.split(right)).toHaveLength(2);
  const client = pathToFileURL(createRequire(path.resolve('package.json')).resolve('@nats-io/transport-node')).href;
  const agent = file(`${name}.mjs`, text.replace(right, wrong).replace("'@nats-io/transport-node'", `'${client}'`));
  return { ...readUnderTest(EXAMPLE, undefined), agent: [process.execPath, agent] };
}

describe('an agent program of one’s own', () => {
  it('passes: the example', async () => {
    expect(failures(await tell(readUnderTest(EXAMPLE, undefined), ['it beats', 'cancelled,', 'killed and started']))).toEqual([]);
  }, 120_000);

  it('that gives its reports another epoch is found out', async () => {
    const agent = spoiled('epoch', 'epoch: state.grant.epoch, n:', 'epoch: state.grant.epoch + 1, n:');
    const [verdict] = await tell(agent, ['a run that fails']);
    expect(verdict).toMatchObject({ result: 'failed', because: expect.arrayContaining(['started has the epoch 2; it was granted as 1']) });
  }, 60_000);

  it('that does not hear a cancel is found out', async () => {
    const agent = spoiled('deaf', "go === 'cancel'", "go === 'never'");
    const [verdict] = await tell(agent, ['cancelled,'], 8_000);
    expect(verdict?.because.join()).toContain('the end is reported');
  }, 60_000);

  it('that begins again what an earlier life began is found out', async () => {
    const agent = spoiled('forgetful', 'mkdir "$1/started" || exit 0', 'mkdir -p "$1/started"; rm -rf "$1/started"');
    const [verdict] = await tell(agent, ['killed and started']);
    expect(verdict?.because.join()).toContain('the run was begun 2 times');
  }, 60_000);
});

describe('a program under the executor command', () => {
  const deployment = (script: string): string => `kind: Deployment
name: checkout
executor:
  type: command
  run: [sh, -c, '${script}']
`;

  it('passes; what its file does not have is said to be not told', async () => {
    const underTest = readUnderTest(file('good.yaml', deployment('echo {{ version.tag }}; sleep 4')), undefined);
    const [fails, killed] = await tell(underTest, ['a run that fails', 'killed and started']);
    expect(fails).toMatchObject({ result: 'notTold', because: ['the file has no run that fails'] });
    expect(killed).toMatchObject({ result: 'passed' });
  }, 60_000);

  it('is told what is wrong with its file', () => {
    expect(() => readUnderTest(file('other.yaml', 'kind: Deployment\nname: a\nexecutor: { type: argo-cd }\n'), undefined)).toThrow(
      'none of its deployments has the executor command',
    );
    expect(() => readUnderTest(file('kit.yaml', 'agent: [x]\nrunz: {}\n'), undefined)).toThrow(/begun.*runs.*runz/s);
  });
});
