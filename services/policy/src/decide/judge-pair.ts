import type { Decision, NumberedDecision, Version } from '@slipway/core';
import { shadowNews, type ShadowChange, type ShadowSeen } from '../shadow/shadow-changes.js';
import type { OpenDecision, PairRow } from '../tables.js';
import type { Pair } from '../pairs.js';
import { LEVEL } from './marks.js';
import type { Level } from './marks.js';
import { digestOf, kindsOf } from './digest.js';
import type { PairView } from './view-pair.js';

/** What judging a pair asks to be written and published. */
export interface Judged {
  row: PairRow;
  /** New or changed decisions, to be stored and published. */
  publish: NumberedDecision[];
  /** Versions whose decisions are open no longer. */
  closed: string[];
  /** What became of the disagreements of shadow policies. */
  shadows: ShadowChange[];
}

/** What is undecided is judged again after this long, should what was wrong have gone without being told; facts wake it at once. */
const UNDECIDED_RETRY_MS = 60_000;

export interface JudgeOptions {
  level: Level;
  now: number;
  /** What this copy's mirror has reached. */
  inventoryRevision: number;
  /** The one evaluator, as it remembers this place. */
  decide: (version: Version) => Decision;
}

/**
 * Judge the candidates of a pair, newest first, until every target has an allowed version; versions that jobs may rest on are judged as well.
 * Only what changed is published: equal facts write nothing (I10).
 */
export function judgePair(pair: Pair, view: PairView | undefined, known: PairRow | undefined, options: JudgeOptions): Judged {
  const row: PairRow = known ?? { ...pair, counter: 0, open: [], covered: false, restsOn: [] };
  if (view === undefined)
    return {
      row: { ...pair, counter: row.counter, open: [], covered: false, restsOn: [] },
      publish: [],
      closed: row.open.map((o) => o.versionId),
      shadows: (row.shadows ?? []).map((one) => ({ ...one, verb: 'over', because: [] })),
    };
  if (options.level === LEVEL.candidates && nothingNew(view, row)) return { row, publish: [], closed: [], shadows: [] };

  const { decisions, covered, wanted } = evaluateCandidates(view, row, options);
  const publish: NumberedDecision[] = [];
  const open: OpenDecision[] = [];
  let counter = row.counter;
  for (const decision of decisions) {
    const last = row.open.find((o) => o.versionId === decision.versionId);
    const next = nextOpen(decision, last, view, options.inventoryRevision);
    if (next === last) {
      open.push(last);
      continue;
    }
    counter += 1;
    open.push({ ...next, number: counter });
    publish.push({ ...decision, number: counter, inventoryRevision: options.inventoryRevision });
  }
  // One that allows nothing any more, and that no target waits for, was said a last time.
  const stays = open.filter((o) => stands(view, o.versionId) && (o.allows || wanted.has(o.versionId)));
  const shadow = shadowNews(
    row.shadows ?? [],
    decisions.filter((d) => stands(view, d.versionId)),
    view.input,
  );
  const reevaluateAt = earliest([
    ...decisions.filter((d) => stands(view, d.versionId)).map((d) => lookAgainAt(d, row, options.now)),
    ...shadow.judgements.map((judgement) => judgement.reevaluateAt),
  ]);
  const next: PairRow = {
    ...pair,
    counter,
    open: stays,
    covered,
    restsOn: kindsOf(decisions, shadow.judgements),
    ...(shadow.seen.length === 0 ? {} : { shadows: shadow.seen }),
    ...(reevaluateAt === undefined ? {} : { reevaluateAt: Math.max(reevaluateAt, options.now + 1) }),
  };
  return {
    row: sameRow(next, row) ? row : next,
    publish,
    closed: row.open.filter((o) => !stays.some((s) => s.versionId === o.versionId)).map((o) => o.versionId),
    shadows: shadow.changes,
  };
}

function lookAgainAt(decision: Decision, known: PairRow, now: number): number | undefined {
  const undecided = decision.groups.some((group) => group.verdict === 'undecided');
  if (!undecided) return decision.reevaluateAt;
  // A time that was set before stands, so that looking in between sets no other.
  const set = known.reevaluateAt !== undefined && known.reevaluateAt > now ? known.reevaluateAt : Number.POSITIVE_INFINITY;
  return earliest([decision.reevaluateAt, Math.min(set, now + UNDECIDED_RETRY_MS)]);
}

/** Nothing to be written: open decisions that are the same are the very objects. */
function sameRow(a: PairRow, b: PairRow): boolean {
  return (
    a.counter === b.counter &&
    a.covered === b.covered &&
    a.reevaluateAt === b.reevaluateAt &&
    a.open.length === b.open.length &&
    a.open.every((one, index) => one === b.open[index]) &&
    a.restsOn.join() === b.restsOn.join() &&
    sameShadows(a.shadows ?? [], b.shadows ?? [])
  );
}

function sameShadows(a: readonly ShadowSeen[], b: readonly ShadowSeen[]): boolean {
  const told = (one: ShadowSeen): string => [one.policy, one.versionId, one.version, one.would, one.held, one.letGo, one.targets].join();
  return a.length === b.length && a.every((one, index) => told(one) === told(b[index]!));
}

/** True when the same candidates stand as were judged last, so that facts which no rule reads need no judging. */
function nothingNew(view: PairView, row: PairRow): boolean {
  if (!row.open.every((o) => stands(view, o.versionId))) return false;
  return row.covered || view.candidates.every((v) => row.open.some((o) => o.versionId === v.id));
}

/** Among the newest candidates still; what fell behind them is judged no longer. */
function stands(view: PairView, versionId: string): boolean {
  return view.candidates.some((version) => version.id === versionId);
}

function evaluateCandidates(
  view: PairView,
  row: PairRow,
  options: JudgeOptions,
): { decisions: Decision[]; covered: boolean; wanted: Set<string> } {
  const decisions: Decision[] = [];
  const judged = new Set<string>();
  const judge = (version: Version): Decision => {
    judged.add(version.id);
    const decision = options.decide(version);
    decisions.push(decision);
    return decision;
  };
  let uncovered: Set<string> | 'all' = 'all';
  let covered = view.input.targets.length === 0;
  for (const version of view.candidates) {
    if (covered) break;
    uncovered = withoutAllowed(uncovered, judge(version), view.input);
    covered = uncovered !== 'all' && uncovered.size === 0;
  }
  const wanted = new Set(judged);
  for (const { versionId, allows } of row.open) {
    const version = view.input.versions.get(versionId);
    // One that is paused or rejected is judged a last time, so that what it allowed is withdrawn.
    if (allows && version !== undefined && !judged.has(versionId) && (stands(view, versionId) || version.status !== 'ready'))
      judge(version);
  }
  return { decisions, covered, wanted };
}

/** The targets that still have no allowed version once this decision is known. */
function withoutAllowed(uncovered: Set<string> | 'all', decision: Decision, input: PairView['input']): Set<string> | 'all' {
  const allowed = decision.groups.filter((g) => g.verdict === 'allowed');
  if (allowed.length === 0) return uncovered;
  if (allowed.length === decision.groups.length) return new Set();
  const left = uncovered === 'all' ? new Set(input.targets.map((t) => t.identifier)) : uncovered;
  const rest = decision.groups.find((g) => g.rest);
  if (rest?.verdict === 'allowed') {
    const blocked = new Set(decision.groups.filter((g) => !g.rest && g.verdict !== 'allowed').flatMap((g) => g.resources));
    return new Set([...left].filter((id) => blocked.has(id)));
  }
  for (const group of allowed) for (const id of group.resources) left.delete(id);
  return left;
}

/** The same object when nothing changed; else what to remember of the new decision. */
function nextOpen(decision: Decision, last: OpenDecision | undefined, view: PairView, inventoryRevision: number): OpenDecision {
  const digest = digestOf(decision);
  const allows = decision.groups.some((g) => g.verdict === 'allowed');
  if (last !== undefined && last.digest === digest && !(allows && view.targetsRevision > last.inventoryRevision)) return last;
  return { versionId: decision.versionId, number: 0, digest, inventoryRevision, allows };
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((t) => t !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
