import { describe, expect, it } from '@jest/globals';
import type { ReplyOf, RolloutView, StatusCell, Wait } from '@slipway/contracts';
import type { Obligations } from '@slipway/core';
import { renderExplanation } from '../src/render/explain.js';
import { renderInbox } from '../src/render/inbox.js';
import { renderRollout } from '../src/render/rollout.js';
import { renderStatus } from '../src/render/status.js';
import { NO_PAINT, paintFor, progressBar, visibleWidth } from '../src/terminal.js';

const NOW = Date.parse('2026-11-22T14:00:00Z');

const obligations: Obligations = {
  gradualRollout: {
    kind: 'gradualRollout',
    across: { type: 'waves', waves: [{ name: 'canary', targets: { count: 1 }, holdMs: 0, verify: true, approve: false }] },
    order: [],
    failureBudget: { count: 0 },
    bakeMs: 0,
  },
  verification: [],
  retry: { attempts: 1, on: ['failed'], backoff: 'constant', delayMs: 0, maxDelayMs: 0, jitter: 0 },
  rollback: { kind: 'rollback', on: ['verificationFailure'], scope: 'rollout' },
  concurrency: [],
  timeouts: { pickupMs: 1, runMs: 1, silenceMs: 1 },
  spokenBy: {},
};

function explained(): ReplyOf<'policy.explain'>['decisions'][number] {
  return {
    running: [{ version: '1.1.0', count: 6, since: NOW - 3 * 86_400_000 }],
    unblocks: ['one approval before Mon 09:00'],
    unblock: [],
    shadow: [],
    decision: {
      deployment: 'checkout',
      environment: 'production',
      versionId: 'v1',
      version: '1.2.1',
      verdict: 'waiting',
      targets: 6,
      because: ['approval: 0 of 1 from releasers'],
      decidedAt: NOW,
      groups: [
        {
          resources: [],
          rest: true,
          size: 6,
          verdict: 'waiting',
          standing: [],
          policies: [
            {
              policy: 'production',
              verdict: 'waiting',
              rules: [
                { rule: 'environmentProgression', verdict: 'allowed', sentence: 'staging 2 of 2 verified' },
                {
                  rule: 'approval',
                  verdict: 'waiting',
                  sentence: '0 of 1 from releasers',
                  ask: 'slipway approve checkout 1.2.1 -e production',
                },
              ],
            },
          ],
          obligations,
        },
      ],
    },
  };
}

describe('slipway explain', () => {
  it('shows every rule with its mark, what to ask for, and what unblocks', () => {
    const text = renderExplanation(explained(), NOW, NO_PAINT);
    expect(text).toContain('checkout 1.2.1 may not go to production yet.');
    expect(text).toContain('6 targets, all alike');
    expect(text).toMatch(/✓ environmentProgression +staging 2 of 2 verified/);
    expect(text).toMatch(/… approval +0 of 1 from releasers +ask: slipway approve checkout 1.2.1 -e production/);
    expect(text).toContain('Unblocks: one approval before Mon 09:00. Running there now: 1.1.0 since 3 days');
  });

  it('says what holds up the rollout that it began, and what a person can do', () => {
    const text = renderExplanation(
      {
        ...explained(),
        rollout: {
          ...{ id: '0198-7f3abc', state: 'halted', done: 1, members: 6, because: 'par-1 failed: exit 1', renewal: true },
          waits: { for: 'slot', sentence: '1 at a time per environment production (policy calm)', resource: 'par-2', more: 3 },
          othersWait: [{ for: 'retry', sentence: 'attempt 2 of 3 after: exit 1', resource: 'par-5', more: 0 }],
          member: 'par-2: deploy is queued',
          asks: ['slipway retry checkout -e production -v 1.2.1'],
        },
      },
      NOW,
      NO_PAINT,
    );
    expect(text).toContain('rollout of its changed config 7f3abc  halted: 1 of 6 done; par-1 failed: exit 1');
    expect(text).toContain('par-2 waits: 1 at a time per environment production (policy calm); 3 more wait');
    expect(text).toContain('    par-2: deploy is queued\n');
    expect(text).toContain('par-5 retries attempt 2 of 3 after: exit 1');
    expect(text).toContain('ask: slipway retry checkout -e production -v 1.2.1');
  });

  it('shows what shadow policies say, marked, beside the decision', () => {
    const rules = [{ rule: 'window', verdict: 'waiting' as const, sentence: 'closed, opens Mon 09:00' }];
    const result = { policy: 'quiet', verdict: 'waiting' as const, rules };
    const groups = [
      { resources: [], rest: true, size: 6, would: 'hold' as const, live: 'allowed' as const, verdict: 'waiting' as const, result },
    ];
    const text = renderExplanation({ ...explained(), shadow: [{ policy: 'quiet', targets: 6, because: [], groups }] }, NOW, NO_PAINT);
    expect(text).toContain('  shadow policy quiet (never gates)  would hold 6 of 6\n    … window  closed, opens Mon 09:00\n');
  });

  it('names the targets of each group when they are not alike', () => {
    const one = explained();
    const [group] = one.decision.groups;
    one.decision.groups = [
      { ...group!, rest: true, size: 5 },
      { ...group!, rest: false, resources: ['par-1'], size: 1, verdict: 'denied' },
    ];
    const text = renderExplanation(one, NOW, NO_PAINT);
    expect(text).toContain('the other 5 targets: waiting');
    expect(text).toContain('par-1: denied');
  });
});

describe('slipway status', () => {
  const cell = (environment: string, more: Partial<StatusCell>): StatusCell => ({
    system: 'shop',
    deployment: 'checkout',
    environment,
    targets: 2,
    running: [],
    waiting: [],
    quarantined: [],
    attention: [],
    ...more,
  });

  it('shows deployments down, environments across, what waits and what needs a person', () => {
    const text = renderStatus(
      [
        cell('staging', { running: [{ version: '1.2.1', count: 2, verified: 2 }] }),
        cell('production', {
          waiting: [{ version: '1.2.1', verdict: 'waiting', because: ['approval: 0 of 1'] }],
          attention: ['job j1 is unknown'],
        }),
      ],
      NOW,
      NO_PAINT,
    );
    expect(text).toMatch(/shop +staging \(2\) +production \(2\)/);
    expect(text).toMatch(/checkout +1.2.1 ✓ 2\/2 +nothing yet +1.2.1 waits: approval: 0 of 1/);
    expect(text).toContain('! checkout production: job j1 is unknown');
  });
});

describe('slipway watch', () => {
  it('shows one line per target of the waves that have begun, and counts the rest', () => {
    const view: RolloutView = {
      id: '0198-7f3abc',
      deployment: 'checkout',
      environment: 'production',
      version: '1.2.1',
      state: 'running',
      wave: 0,
      waves: [
        { name: 'canary', from: 0, to: 1 },
        { name: 'all', from: 1, to: 3 },
      ],
      members: [
        { resource: 'par-1', letter: 'j', job: { id: 'j', kind: 'deploy', state: 'running', percent: 80, step: 'installing' } },
        { resource: 'par-2', letter: '.' },
        { resource: 'fra-1', letter: '.' },
      ],
      budget: { used: 0, of: 0 },
      createdAt: NOW,
    };
    const lines = renderRollout(view, NOW, NO_PAINT);
    expect(lines[0]).toContain('wave 1 of 2 (canary)');
    expect(lines[1]).toMatch(/canary +par-1 +● running +████████░░ 80 % installing/);
    expect(lines[2]).toMatch(/all +…2 targets +· waits for wave canary/);
  });

  it('says what holds a job up, until when, and what a person can do', () => {
    const queued = (waits: Wait): string => {
      const job = { id: 'j', kind: 'deploy', state: 'queued', waits };
      const view: RolloutView = {
        ...{ id: '0198-7f3abc', deployment: 'checkout', environment: 'production', version: '1.2.1', state: 'halted', wave: 0 },
        waves: [{ name: 'all', from: 0, to: 1 }],
        members: [{ resource: 'par-1', letter: 'j', job }],
        budget: { used: 0, of: 0 },
        asks: ['slipway resume checkout -e production -v 1.2.1'],
        createdAt: NOW,
      };
      return renderRollout(view, NOW, NO_PAINT).join('\n');
    };
    const at = NOW + 65_000;
    const time = new Date(at).toTimeString().slice(0, 8);
    expect(queued({ for: 'retry', sentence: 'attempt 2 of 3 after: exit 1', until: at })).toContain(
      `· queued  retries at ${time}, attempt 2 of 3 after: exit 1`,
    );
    expect(queued({ for: 'agent', sentence: 'a free agent of pool eu, 2 jobs before it', until: at })).toContain(
      `waits for a free agent of pool eu, 2 jobs before it, until ${time}`,
    );
    const lost = { for: 'noAgent', sentence: 'no agent of pool eu is online: anna was heard last', lastHeardAt: NOW - 120_000 } as const;
    expect(queued(lost)).toContain('no agent of pool eu is online: anna was heard last 2 min ago');
    const ask = 'slipway confirm j --question aaaa1111';
    expect(queued({ for: 'person', sentence: '2 to add', ask })).toContain(`… waits for a person  2 to add; ${ask}`);
    expect(queued(lost)).toContain('  ask: slipway resume checkout -e production -v 1.2.1');
  });
});

describe('the terminal', () => {
  it('gets colour only when it is one', () => {
    expect(paintFor({ isTTY: false }, {}).red('x')).toBe('x');
    expect(paintFor({ isTTY: true }, { NO_COLOR: '1' }).red('x')).toBe('x');
    expect(visibleWidth(paintFor({ isTTY: true }, {}).red('x'))).toBe(1);
  });

  it('draws progress within its bounds', () => {
    expect(progressBar(150)).toBe('██████████ 100 %');
    expect(progressBar(-3)).toBe('░░░░░░░░░░ 0 %');
  });
});

describe('the inbox', () => {
  it('is read in ten seconds: oldest first, what waits, and what can be done about it', () => {
    const approval = {
      kind: 'approval' as const,
      ...{ system: 'shop', deployment: 'checkout', environment: 'production', version: '1.2.1', targets: 6 },
      sentence: '1.2.1 waits for approval: 0 of 1 from releasers (policy production)',
      since: NOW - 3 * 86_400_000,
      asks: ['slipway approve checkout 1.2.1 -e production'],
    };
    const plan = {
      kind: 'actionRequired' as const,
      ...{ system: 'shop', deployment: 'network', environment: 'production', resource: 'vpc', job: 'j1' },
      sentence: 'deploy of 2.0.0 at vpc waits to be confirmed: 2 to add',
      since: NOW - 60_000,
      asks: ['slipway confirm j1 --question aaaa1111 --reason <text>', 'slipway cancel j1 --reason <text>'],
      link: 'https://tfc.example/runs/1',
    };
    const lines = renderInbox([approval, plan], 0, NOW, NO_PAINT).split('\n');
    expect(lines[0]).toBe('2 things wait for a person, oldest first');
    expect(lines[2]).toMatch(/^… checkout → production {2}approval, 6 targets {2}since .* \(3 days\)$/);
    expect(lines.slice(3, 5)).toEqual([`  ${approval.sentence}`, '  slipway approve checkout 1.2.1 -e production']);
    expect(lines[6]).toMatch(/^… network → production {2}a run asks {2}since .* \(1 min\)$/);
    expect(lines.slice(8)).toEqual(['  see https://tfc.example/runs/1', ...plan.asks.map((ask) => `  ${ask}`)]);
    expect(renderInbox([], 0, NOW, NO_PAINT)).toBe('Nothing waits for a person.');
  });
});
