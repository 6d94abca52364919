import type { Happening, ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { freezeCheck } from '@slipway/core';
import type { DeploymentDoc, FreezeFact } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import { findDeployment, findEnvironment } from '../names.js';
import type { State } from '../state.js';
import { historyTable, peopleFactTable } from '../tables.js';
import type { HistoryRow, PeopleFactRow } from '../tables.js';
import type { RecordedRelease } from './history-rows.js';

/** Rows read for one answer, newest first; each may tell of several versions. */
const ROWS_MAX = 5_000;
/** Targets named of one happening. */
const NAMED_MAX = 20;

type Request = ParsedRequestOf<'policy.history'>;

/** What of a deployment went where, when, by whom and why, from what was recorded, newest first. */
export async function tellHistory(
  deps: Pick<ServiceDeps, 'store' | 'clock'>,
  state: State,
  request: Request,
): Promise<ReplyOf<'policy.history'>> {
  return deps.store.read(async (reader) => {
    await state.sync(reader);
    const deployment = findDeployment(state.inventory, request.deployment);
    if (request.environment !== undefined) findEnvironment(state.inventory, request.environment, deployment);
    const since = request.sinceMs === undefined ? 0 : deps.clock.now() - request.sinceMs;
    const where = { deployment: deployment.name, kind: ['release', 'version', 'word'] as const, at: { gte: since } };
    const rows = await reader.find(historyTable, where, { orderBy: { at: 'desc', id: 'desc' }, limit: ROWS_MAX });
    const people = await reader.find(peopleFactTable, {});
    const happenings = [...rows.flatMap(happeningsOf), ...people.flatMap((row) => peopleHappenings(row, deployment, state))]
      .filter((one) => one.at >= since && isAsked(one, request))
      .sort((a, b) => b.at - a.at);
    return { happenings: happenings.slice(0, request.limit) };
  });
}

function isAsked(one: Happening, { environment, resource, version }: Request): boolean {
  if (environment !== undefined && one.environment !== undefined && one.environment !== environment) return false;
  if (version !== undefined && one.version !== version) return false;
  return resource === undefined || one.resources.includes(resource);
}

function happeningsOf({ at, environment, body }: HistoryRow): Happening[] {
  switch (body.kind) {
    case 'release':
      return releaseHappenings(at, environment, body.releases);
    case 'version': {
      const { tag, status, statusBecause, author, message, createdAt } = body.version;
      const isNew = createdAt >= at || statusBecause === undefined;
      const because = statusBecause ?? message;
      return [
        {
          at,
          version: tag,
          what: isNew ? (status === 'ready' ? 'published' : status) : status,
          resources: [],
          targets: 0,
          ...(isNew && author !== undefined ? { by: author } : {}),
          ...(because === undefined ? {} : { because }),
        },
      ];
    }
    case 'word': {
      const { verb, fact, tag } = body.word;
      const because = fact.reason === undefined ? {} : { because: fact.reason };
      return [{ at, environment: fact.environment, version: tag, what: verb, resources: [], targets: 0, by: fact.by, ...because }];
    }
    case 'shadow':
      return [];
  }
}

/** Targets at which the same became of the same version, together. */
function releaseHappenings(at: number, environment: string | undefined, releases: readonly RecordedRelease[]): Happening[] {
  const alike = Map.groupBy(releases, ({ event }) => `${event.verb} ${event.versionId} ${event.because ?? ''}`);
  return [...alike.values()].map((list) => {
    const { verb, version, because } = list[0]!.event;
    const resources = list.map(({ event }) => event.resource);
    return {
      at,
      ...(environment === undefined ? {} : { environment }),
      version,
      what: verb,
      resources: resources.slice(0, NAMED_MAX),
      targets: resources.length,
      ...(because === undefined ? {} : { because }),
    };
  });
}

/** Freezes, pins and overrides that concern the deployment: when they were made, and when they ended. */
function peopleHappenings(row: PeopleFactRow, deployment: DeploymentDoc, state: State): Happening[] {
  const { fact, kind, tag, ended } = row;
  if ('deployment' in fact ? fact.deployment !== deployment.name : !mayFreeze(fact as FreezeFact, deployment, state)) return [];
  const place = fact as { environment?: string; resource?: string };
  const about = {
    ...(place.environment === undefined ? {} : { environment: place.environment }),
    ...(tag === undefined ? {} : { version: tag }),
    resources: place.resource === undefined ? [] : [place.resource],
    targets: place.resource === undefined ? 0 : 1,
  };
  const rule = 'rule' in fact ? ` ${fact.rule}` : '';
  const scope = 'scope' in fact ? `${fact.scope}: ` : '';
  const made: Happening = { at: fact.at, ...about, what: `${kind}${rule}`, by: fact.by, because: `${scope}${fact.reason}` };
  if (!ended) return [made];
  const end = { at: ended.at, ...about, what: `${kind}${rule} ${ended.verb}`, by: ended.by };
  return [made, { ...end, ...(ended.reason === undefined ? {} : { because: ended.reason }) }];
}

/** Whether the scope may hold the deployment up anywhere; one that looks at resources may. */
function mayFreeze(freeze: FreezeFact, deployment: DeploymentDoc, { inventory }: State): boolean {
  const check = freezeCheck(freeze);
  if (check.readsResource) return true;
  const environments = [...inventory.environments.values()].filter((one) => one.system === deployment.system);
  return environments.some((environment) => check.ask({ deployment, environment }) !== undefined);
}
