import { describe, expect, it } from '@jest/globals';
import { advanceRollout, type Rollout, type RolloutEvent, type RolloutState } from '@slipway/core';
import { plan } from './rollout-samples.js';

/* One member is live and one waits, wherever that can be; so ends that let live jobs finish keep their state here. */

const step = (rollout: Rollout, ...events: RolloutEvent[]): Rollout => advanceRollout(rollout, events, 0).rollout;
const pending = plan(3, { maxInFlight: 2 });
const running = step(pending, { type: 'start' });
const succeeds: RolloutEvent = { type: 'member', ordinal: 0, letter: 's' };

const states: Record<RolloutState, Rollout> = {
  pending,
  running,
  paused: step(running, { type: 'pause', because: 'x' }),
  halted: step(running, { type: 'member', ordinal: 1, letter: 'f' }),
  completed: step(plan(0), { type: 'start' }),
  superseded: step(pending, { type: 'supersede', by: 'x' }),
  rolledBack: step(pending, { type: 'rollback', because: 'x' }),
  cancelled: step(pending, { type: 'abort', because: 'x' }),
};

const events: Record<RolloutEvent['type'], RolloutEvent> = {
  start: { type: 'start' },
  time: { type: 'time' },
  member: succeeds,
  join: { type: 'join', resources: ['late'] },
  pause: { type: 'pause', because: 'x' },
  resume: { type: 'resume' },
  promote: { type: 'promote', all: true },
  retryFailed: { type: 'retryFailed' },
  exclude: { type: 'exclude', ordinals: [2] },
  abort: { type: 'abort', because: 'x' },
  supersede: { type: 'supersede', by: 'x' },
  rollback: { type: 'rollback', because: 'x' },
};

const stays = (s: RolloutState): Record<RolloutEvent['type'], RolloutState> => ({
  start: s,
  time: s,
  member: s,
  join: s,
  pause: s,
  resume: s,
  promote: s,
  retryFailed: s,
  exclude: s,
  abort: s,
  supersede: s,
  rollback: s,
});

const expected: Record<RolloutState, Record<RolloutEvent['type'], RolloutState>> = {
  pending: {
    ...stays('pending'),
    start: 'running',
    time: 'running',
    abort: 'cancelled',
    supersede: 'superseded',
    rollback: 'rolledBack',
  },
  running: { ...stays('running'), pause: 'paused' },
  paused: { ...stays('paused'), resume: 'running' },
  halted: { ...stays('halted'), resume: 'running', retryFailed: 'running' },
  completed: stays('completed'),
  superseded: stays('superseded'),
  rolledBack: stays('rolledBack'),
  cancelled: stays('cancelled'),
};

describe('advanceRollout: every state and every event', () => {
  for (const state of Object.keys(expected) as RolloutState[]) {
    for (const type of Object.keys(events) as RolloutEvent['type'][]) {
      it(`${state} + ${type} → ${expected[state][type]}`, () => {
        expect(states[state].state).toBe(state);
        const once = step(states[state], events[type]);
        expect(once.state).toBe(expected[state][type]);
        expect(step(once, events[type])).toBe(once);
      });
    }
  }
});
