import type { Ended, ReplyOf } from '@slipway/contracts';
import { columns } from '../terminal.js';
import { moment, span } from './when.js';

type Freezes = ReplyOf<'policy.freezes'>['freezes'];
type Pins = ReplyOf<'policy.pins'>['pins'];
type Overrides = ReplyOf<'policy.overrides'>['overrides'];

/** Freezes, newest first: what, until when, who and why. */
export function renderFreezes(freezes: Freezes, now: number): string {
  if (freezes.length === 0) return 'Nothing is frozen.';
  return columns(
    freezes.map(({ fact, ended }) => [
      fact.id,
      fact.scope,
      until(fact.expiresAt, ended, now),
      fact.allowRollback ? 'rollbacks pass' : 'no rollbacks',
      `${fact.by}: ${fact.reason}`,
    ]),
  );
}

export function renderPins(pins: Pins, now: number): string {
  if (pins.length === 0) return 'Nothing is pinned.';
  return columns(
    pins.map(({ fact, ended, tag }) => [
      fact.id,
      `${fact.deployment} in ${fact.environment}${fact.resource === undefined ? '' : ` at ${fact.resource}`}`,
      tag ?? fact.version,
      until(fact.expiresAt, ended, now),
      `${fact.by}: ${fact.reason}`,
    ]),
  );
}

export function renderOverrides(overrides: Overrides, now: number): string {
  if (overrides.length === 0) return 'Nothing is overridden.';
  return columns(
    overrides.map(({ fact, ended, tag }) => [
      fact.id,
      fact.rule,
      `${fact.deployment} ${tag ?? fact.version} in ${fact.environment ?? 'every environment'}${fact.resource === undefined ? '' : ` at ${fact.resource}`}`,
      until(fact.expiresAt, ended, now),
      `${fact.by}: ${fact.reason}`,
    ]),
  );
}

function until(expiresAt: number | undefined, ended: Ended | undefined, now: number): string {
  if (ended !== undefined) {
    const by = ended.verb === 'expired' ? '' : ` by ${ended.by}${ended.reason === undefined ? '' : ` (${ended.reason})`}`;
    return `${ended.verb} ${moment(ended.at, now)}${by}`;
  }
  return expiresAt === undefined ? 'until unpinned' : `${span(expiresAt - now)} more, until ${moment(expiresAt, now)}`;
}
