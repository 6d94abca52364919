import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/core';
import { FaultMesh } from './fault-mesh.js';
import { appends, atOnce, deployment, executions, shop } from './shop-documents.js';

/** Documents that must be refused; the line that is at fault is marked `HERE`. */
const REFUSED: { what: string; text: string; says: RegExp[] }[] = [
  {
    what: 'a selector that does not parse',
    text: `kind: Policy
name: broken
selector: deployment.name == # HERE
rules:
  - approval: { required: 1 }`,
    says: [/selector/],
  },
  {
    what: 'a condition with a name that does not exist',
    text: `kind: Policy
name: broken
selector: 'true'
rules:
  - condition: { cel: 'deploymnt.name == "checkout"', message: no } # HERE`,
    says: [/deploymnt/, /deployment/],
  },
  {
    what: 'a time zone that does not exist',
    text: `kind: Policy
name: broken
selector: 'true'
rules:
  - window:
      rrule: "DTSTART:20260105T090000\\nRRULE:FREQ=DAILY"
      duration: 8h
      timezone: Europe/Pariss # HERE`,
    says: [/Europe\/Pariss/],
  },
  {
    what: 'a recurrence that means nothing',
    text: `kind: Policy
name: broken
selector: 'true'
rules:
  - window:
      rrule: "DTSTART:20260105T090000\\nRRULE:FREQ=SOMETIMES" # HERE
      duration: 8h`,
    says: [/SOMETIMES/],
  },
  {
    what: 'a misspelt field',
    text: `kind: Policy
name: broken
selector: 'true'
rules:
  - approval:
      requird: 2 # HERE`,
    says: [/requird/, /did you mean required/],
  },
  {
    what: 'a text where a number belongs',
    text: `kind: Policy
name: broken
selector: 'true'
rules:
  - approval: { required: many } # HERE`,
    says: [/"many"/, /number/],
  },
  { what: 'text that is no YAML', text: 'kind: Policy\nname: [unclosed # HERE', says: [/faults.yaml/] },
  { what: 'a kind that does not exist', text: 'kind: Polcy # HERE\nname: broken', says: [/Polcy/, /Policy/] },
];

const cyclic = (name: string, on: string): string => `kind: Policy
name: ${name}-needs-${on}
selector: deployment.name == "${name}"
rules:
  - dependency: { on: 'deployment.name == "${on}"', version: '>=1.0.0', where: sameEnvironment }`;

describe('bad versions and bad documents', () => {
  let mesh: FaultMesh;
  let ran: string;

  beforeAll(async () => {
    mesh = await FaultMesh.start();
    ran = join(mesh.directory, 'ran');
    await mesh.apply(...shop(1), atOnce, deployment('checkout', appends(ran)), deployment('catalog', appends(ran)));
    await mesh.startAgent('one');
  }, 90_000);
  afterAll(() => mesh.stop(), 30_000);

  const refusal = async (asked: Promise<unknown>): Promise<SlipwayError> => {
    const error = await asked.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(SlipwayError);
    return error as SlipwayError;
  };
  const letterOf = (subject: string) =>
    mesh.come(`a dead letter of ${subject}`, async () => (await mesh.deadLetters()).find((letter) => letter.subject === subject));
  const policies = async (): Promise<string[]> =>
    ((await mesh.ask('registry.list', { kind: 'policy' })).items as { name: string }[]).map(({ name }) => name).sort();

  it('a version of an unknown deployment: from CI a dead letter, asked for an error; both say what there is', async () => {
    await mesh.publish('chekout', { tag: '1.0.0' });
    const letter = await letterOf('slipway.ci.version.chekout');
    expect(letter.error).toMatchObject({ kind: 'missing', code: 'registry.deployment.unknown' });
    expect(letter.error.message).toContain('checkout');
    const error = await refusal(mesh.ask('registry.publishVersion', { deployment: 'chekout', version: { tag: '1.0.0' } }));
    expect(error).toMatchObject({ kind: 'missing', code: letter.error.code });
    expect(error.message).toContain('checkout');
  });

  it('the same tag with another payload: from CI a dead letter, asked for a conflict; both say what differs and the first one stays', async () => {
    const first = { tag: '1.0.0', config: { image: 'a' }, message: 'first' };
    await mesh.publish('checkout', first);
    await mesh.runs('checkout', 'production', '1.0.0', 1);
    await mesh.publish('checkout', first);
    await mesh.publish('checkout', { ...first, config: { image: 'b' } });
    const letter = await letterOf('slipway.ci.version.checkout');
    expect(letter.error).toMatchObject({ kind: 'conflict', code: 'registry.version.payloadDiffers' });
    expect(letter.error.message).toContain('config');
    const error = await refusal(mesh.ask('registry.publishVersion', { deployment: 'checkout', version: { ...first, message: 'second' } }));
    expect(error).toMatchObject({ kind: 'conflict', code: 'registry.version.payloadDiffers' });
    expect(error.message).toContain('message');
    const { items } = await mesh.ask('registry.list', { kind: 'version', deployment: 'checkout' });
    expect(items).toEqual([expect.objectContaining(first)]);
    expect((await mesh.deadLetters()).filter(({ subject }) => subject === letter.subject)).toHaveLength(1);
    expect(executions(ran)).toEqual(['1.0.0 host-01']);
  });

  it.each(REFUSED)('$what is refused with file and line, and nothing of the apply is stored', async ({ text, says }) => {
    const before = await policies();
    const good = { kind: 'Policy', name: 'good', selector: 'true', rules: [{ approval: { required: 1 } }] };
    const error = await refusal(mesh.apply(good, text));
    expect(error.kind).toBe('invalid');
    // The good document takes the first two lines.
    const line = 2 + text.split('\n').findIndex((one) => one.includes('HERE')) + 1;
    expect(error.message).toContain(`faults.yaml:${line}`);
    for (const said of says) expect(error.message).toMatch(said);
    expect(await policies()).toEqual(before);
  });

  it('a cycle of dependencies is refused and named, in one apply and in two', async () => {
    const both = await refusal(mesh.apply(cyclic('checkout', 'catalog'), cyclic('catalog', 'checkout')));
    expect(both).toMatchObject({ kind: 'invalid' });
    expect(both.message).toMatch(/catalog → checkout → catalog|checkout → catalog → checkout/);
    expect(await policies()).toEqual(['at-once']);
    await mesh.apply(cyclic('checkout', 'catalog'));
    const second = await refusal(mesh.apply(cyclic('catalog', 'checkout')));
    expect(second.message).toMatch(/faults\.yaml:\d+/);
    expect(second.message).toMatch(/catalog → checkout → catalog|checkout → catalog → checkout/);
    expect(await policies()).toEqual(['at-once', 'checkout-needs-catalog']);
  });

  it('after all of it the next good version goes its way', async () => {
    await mesh.publish('catalog', { tag: '2.0.0' });
    await mesh.publish('checkout', { tag: '2.0.0' });
    await mesh.runs('checkout', 'production', '2.0.0', 1);
    expect(executions(ran)).toEqual(['1.0.0 host-01', '2.0.0 host-01', '2.0.0 host-01']);
  });
});
