import { describe, expect, it } from '@jest/globals';
import { operations, type OperationName } from '@slipway/contracts';
import type { PolicyDoc } from '@slipway/core';
import { memoryRegistry } from '../../services/registry/test/fixture.js';
import { codeBlocksOf, tableOf } from './code-blocks.js';

describe('docs/rollouts.md', () => {
  it('shows a policy that applies as it is', async () => {
    const registry = memoryRegistry();
    const [yaml] = codeBlocksOf('rollouts.md').filter(({ info }) => info === 'yaml');
    const reply = await registry.ask('registry.apply', { files: [{ file: 'careful.yaml', text: yaml?.text ?? '' }] });
    expect(reply.warnings).toEqual([]);
    const { doc } = (await registry.ask('registry.get', { kind: 'policy', name: 'careful' })) as unknown as { doc: PolicyDoc };
    expect(doc.rules[0]).toMatchObject({
      across: { waves: [{ approve: false }, { approve: false }, { name: 'all', approve: true }] },
      failureBudget: { percent: 5 },
      bakeMs: 1_800_000,
    });
  });

  it('names every command to the scheduler with the role it needs', () => {
    const rows = tableOf('rollouts.md', ['command', 'request', 'role', 'what it does']);
    for (const [, request, role] of rows) expect([request, operations[request as OperationName]?.role]).toEqual([request, role]);
    const told = Object.keys(operations).filter(
      (name) => name.startsWith('scheduler.') && operations[name as OperationName].role === 'operator',
    );
    expect(rows.map(([, request]) => request).sort()).toEqual(told.filter((name) => !name.includes('Agent')).sort());
  });
});
