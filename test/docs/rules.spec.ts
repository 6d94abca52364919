import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { evaluate, tellUnblock, unblock, type DecisionInput } from '@slipway/core';
import { createMemoryStore } from '@slipway/persistence';
import { parse } from 'yaml';
import { renderExplanation } from '../../cli/src/render/explain.js';
import { NO_PAINT } from '../../cli/src/terminal.js';
import { runningVersions } from '../../services/policy/src/explain/running-versions.js';
import { tables } from '../../services/registry/src/tables.js';
import { registryOn } from '../../services/registry/test/fixture.js';
import { storySchema } from '../conformance/case-schema.js';
import { Picture } from '../conformance/picture.js';
import { fileOf, judgedBy, storyOf, worldDocuments } from '../conformance/read-cases.js';

/*
 * Each page of docs/rules holds a policy, what happened, and what `slipway explain` prints then. `UPDATE_DOCS=1` writes the last anew.
 */

const FOLDER = 'docs/rules';
const BLOCK = /```(\w*)\n([\s\S]*?)```/g;
const UPDATE = process.env['UPDATE_DOCS'] === '1';

const pages = readdirSync(FOLDER).filter((file) => file !== 'README.md');
/** The fields of each rule, as an editor is told them. */
const rules = rulesOf(JSON.parse(readFileSync('schemas/policy.json', 'utf8')) as Node);

describe('docs/rules', () => {
  it('has one page for each rule, and its README names each', () => {
    expect(pages.map(ruleOf).sort()).toEqual(Object.keys(rules).sort());
    const readme = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    for (const page of pages) expect(readme).toContain(`[${ruleOf(page)}](${page})`);
  });

  describe.each(pages)('%s', (file) => {
    const text = readFileSync(join(FOLDER, file), 'utf8');
    const [policy, story, printed] = [...text.matchAll(BLOCK)].map(([, , body]) => body ?? '');

    it('tells every field of the rule, and no other', () => {
      expect(text.startsWith(`# ${ruleOf(file)}\n`)).toBe(true);
      const told = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, field]) => field);
      expect(told.sort()).toEqual(rules[ruleOf(file)]!.sort());
    });

    it('shows a policy with the rule that is applied without a word of warning', async () => {
      const registry = registryOn(createMemoryStore(tables));
      await registry.apply(fileOf(worldDocuments({})).text);
      expect((await registry.apply(policy ?? '')).warnings).toEqual([]);
      expect(JSON.stringify(parse(policy ?? ''))).toContain(`"${ruleOf(file)}":`);
    });

    it('prints what explain prints', () => {
      const now = explain(parse(policy ?? '') as object, parse(story ?? ''));
      if (UPDATE)
        writeFileSync(
          join(FOLDER, file),
          text.replace(`\`\`\`\n${printed}\`\`\``, () => `\`\`\`\n${now}\`\`\``),
        );
      else expect(printed).toBe(now);
    });
  });
});

/** What `slipway explain checkout -e production -v 1.2.1` prints after this story. */
function explain(policy: object, told: unknown): string {
  const story = { case: '', teaches: '', expect: { verdict: 'allowed' as const }, ...storySchema.parse(told) };
  const picture = new Picture(worldDocuments({}).map(withoutTimeouts), [policy]);
  for (const happening of storyOf(story)) picture.tell(happening);
  const input: DecisionInput = picture.input(judgedBy(story));
  const decision = evaluate(input, story.at);
  const running = runningVersions(input).map(({ version, count, since }) => ({ version: version.tag, count, since }));
  const explained = { decision, running, unblocks: tellUnblock(unblock(input, decision), input), unblock: [], shadow: [] };
  const lines = renderExplanation(explained, story.at, NO_PAINT).split('\n');
  return `$ slipway explain checkout -e production -v 1.2.1\n${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** The time-outs of the cases are for a clock that jumps by days. */
function withoutTimeouts(document: object): object {
  const { timeouts: _, ...rest } = document as { timeouts?: object };
  return rest;
}

/** `environment-progression.md` → `environmentProgression`. */
function ruleOf(page: string): string {
  return page.replace('.md', '').replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

type Node = { [key: string]: Node };

/** Rule → fields, from wherever in the schema a rule is described. */
function rulesOf(schema: Node): Record<string, string[]> {
  const { properties } = schema;
  if (properties?.['approval']) {
    const fieldsOf = (rule: Node): string[] =>
      Object.keys(rule['properties'] ?? Object.values(rule['anyOf'] ?? {}).find((form) => form['properties'])?.['properties'] ?? {});
    return Object.fromEntries(Object.entries(properties).map(([kind, rule]) => [kind, fieldsOf(rule)]));
  }
  for (const inner of Object.values(schema)) {
    const found = typeof inner === 'object' && inner !== null ? rulesOf(inner) : {};
    if (Object.keys(found).length > 0) return found;
  }
  return {};
}
