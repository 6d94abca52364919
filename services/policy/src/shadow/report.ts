import type { Disagreement, ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { shadowPolicies } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { Where } from '@slipway/persistence';
import type { State } from '../state.js';
import { historyTable } from '../tables.js';
import type { HistoryRow } from '../tables.js';

const DAY_MS = 86_400_000;
/** What is looked at when nobody says since when. */
const SINCE_DEFAULT_MS = 30 * DAY_MS;
/** Changes read for one report, newest first. */
const ROWS_MAX = 5_000;

/** Where shadow policies and the gate disagreed, newest first. */
export async function reportShadows(
  deps: Pick<ServiceDeps, 'store' | 'clock'>,
  state: State,
  request: ParsedRequestOf<'policy.shadow'>,
): Promise<ReplyOf<'policy.shadow'>> {
  const { deployment, environment, policy } = request;
  const since = deps.clock.now() - (request.sinceMs ?? SINCE_DEFAULT_MS);
  return deps.store.read(async (reader) => {
    await state.sync(reader);
    const where: Where<HistoryRow> = {
      kind: 'shadow',
      at: { gte: since },
      ...(deployment === undefined ? {} : { deployment }),
      ...(environment === undefined ? {} : { environment }),
    };
    const rows = await reader.find(historyTable, where, { orderBy: { at: 'desc', id: 'desc' }, limit: ROWS_MAX });
    const shadows = shadowPolicies([...state.inventory.policies.values()]).filter((one) => policy === undefined || one.name === policy);
    return {
      since,
      policies: shadows.map(({ name, description }) => ({ policy: name, ...(description === undefined ? {} : { description }) })),
      disagreements: disagreementsOf(rows.reverse()).filter((one) => policy === undefined || one.policy === policy),
    };
  });
}

/** Each change ends what was said before of the same policy and version at the same place. */
function disagreementsOf(rows: readonly HistoryRow[]): Disagreement[] {
  const open = new Map<string, Disagreement>();
  const all: Disagreement[] = [];
  for (const { at, deployment, environment = '', body } of rows) {
    if (body.kind !== 'shadow') continue;
    const { verb, policy, version, would, held, letGo, targets, because } = body.change;
    const key = `${policy} ${deployment} ${environment} ${version}`;
    const last = open.get(key);
    const size = would === 'hold' ? held : letGo;
    if (verb === 'disagreed' && last?.would === would) {
      // Of more or fewer targets, or for other reasons: it is the same disagreement.
      Object.assign(last, { targets: Math.max(last.targets, size), ofTargets: targets, because });
      continue;
    }
    if (last) {
      last.to = at;
      if (verb !== 'disagreed') last.ended = verb;
      open.delete(key);
    }
    if (verb !== 'disagreed') continue;
    const next = { policy, deployment, environment, version, would, targets: size, ofTargets: targets, from: at, because };
    all.push(next);
    open.set(key, next);
  }
  return all.reverse();
}
