import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { agentMessageJsonSchemas, agentMessageSchemas } from '@slipway/contracts';
import { codeBlocksOf } from './code-blocks.js';

/* The page for executors of people's own: its messages are what agents and controller really take, and their JSON Schemas are published. */

const examples = new Map(
  codeBlocksOf('executors/write-your-own.md').flatMap(({ info, text }): [string, unknown][] =>
    info.startsWith('json ') ? [[info.slice('json '.length), JSON.parse(text)]] : [],
  ),
);

describe('messages between agents and the controller', () => {
  it('have one example each', () => {
    expect([...examples.keys()].sort()).toEqual(Object.keys(agentMessageSchemas).sort());
  });

  it.each([...examples])('are understood as the page shows them: %s', (name, message) => {
    const parsed = agentMessageSchemas[name]?.safeParse(message);
    // Nothing in the example that would be dropped, either.
    expect(parsed).toMatchObject({ success: true, data: message });
    expect(JSON.parse(JSON.stringify(parsed?.data))).toEqual(message);
  });

  it('have fresh JSON Schemas in schemas/messages (node scripts/write-schemas.mjs writes them)', () => {
    const schemas = agentMessageJsonSchemas();
    expect(readdirSync('schemas/messages').sort()).toEqual(Object.keys(schemas).sort());
    for (const [file, schema] of Object.entries(schemas)) {
      expect(JSON.parse(readFileSync(`schemas/messages/${file}`, 'utf8'))).toEqual(schema);
    }
  });
});
