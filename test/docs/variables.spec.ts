import { describe, expect, it } from '@jest/globals';
import { renderVariables } from '../../cli/src/render/variables.js';
import { NO_PAINT } from '../../cli/src/terminal.js';
import { memoryRegistry, refusal } from '../../services/registry/test/fixture.js';
import { codeBlocksOf } from './code-blocks.js';

const blocks = codeBlocksOf('variables.md');
const documents = blocks.filter(({ info }) => info === 'yaml').map(({ text }) => text);

describe('docs/variables.md', () => {
  it('shows documents that apply, and what slipway variables says of them', async () => {
    const registry = memoryRegistry();
    const files = documents.map((text, at) => ({ file: `${at}.yaml`, text }));
    expect((await registry.ask('registry.apply', { files })).warnings).toEqual([]);
    const shown = blocks.filter(({ text }) => text.startsWith('$ slipway variables'));
    expect(shown).toHaveLength(2);
    for (const { text } of shown) {
      const [command = '', ...output] = text.trimEnd().split('\n');
      const [, deployment = '', environment = '', resource = ''] = /variables (\S+) -e (\S+) -r (\S+)/.exec(command) ?? [];
      const reply = await registry.ask('registry.variables', { deployment, environment, resource });
      expect(renderVariables(reply, NO_PAINT)).toBe(output.join('\n'));
    }
  });

  it('shows mistakes with what is said of them', async () => {
    const registry = memoryRegistry();
    await registry.apply(documents.join('---\n'));
    const mistakes = blocks.flatMap((block, at) =>
      block.info === 'yaml mistake' ? [{ text: block.text, said: blocks[at + 1]?.text.trim() }] : [],
    );
    expect(mistakes).toHaveLength(1);
    for (const { text, said } of mistakes) {
      const error = await refusal(registry.ask('registry.apply', { files: [{ file: 'docs.yaml', text }] }));
      expect(error.message).toBe(said);
    }
  });
});
