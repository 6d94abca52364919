import { describe, expect, it } from '@jest/globals';
import type { VariableView } from '@slipway/contracts';
import { renderVariables } from '../src/render/variables.js';
import { NO_PAINT } from '../src/terminal.js';

const at = { deployment: 'checkout', environment: 'production', resource: 'par-1' };
const show = (...variables: VariableView[]): string[] => renderVariables({ ...at, variables }, NO_PAINT).split('\n');

describe('slipway variables', () => {
  it('shows winners and losers, with where each stands', () => {
    expect(
      show(
        {
          name: 'port',
          type: 'integer',
          required: false,
          value: 443,
          winner: {
            from: 'variableSet',
            name: 'tls',
            called: 'variable set tls',
            written: 443,
            selector: 'environment.name == "production"',
            priority: 10,
          },
          losers: [
            {
              from: 'default',
              name: 'checkout',
              called: 'deployment checkout, default',
              written: 8080,
              because: 'a variable set goes before the default',
            },
          ],
        },
        {
          name: 'database',
          type: 'string',
          required: true,
          value: 'postgres://par-db',
          winner: {
            from: 'default',
            name: 'checkout',
            called: 'deployment checkout, default',
            written: '{{ relations.database.config.url }}',
          },
          losers: [],
        },
        { name: 'note', type: 'string', required: false, losers: [] },
        { name: 'token', type: 'secret', required: true, problem: 'checkout requires variable token', losers: [] },
      ),
    ).toEqual([
      'checkout at par-1 in production',
      '',
      '  port      443                  variable set tls (environment.name == "production", priority 10)',
      '            not 8080             deployment checkout, default; a variable set goes before the default',
      '  database  "postgres://par-db"  deployment checkout, default, written "{{ relations.database.config.url }}"',
      '  note      not set              string, not required',
      '  token     ✗ no value           checkout requires variable token',
    ]);
  });

  it('says when there are none', () => {
    expect(show()).toEqual(['checkout at par-1 in production', '', '  checkout declares no variables.']);
  });
});
