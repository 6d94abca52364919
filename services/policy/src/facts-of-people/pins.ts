import { didYouMean } from '@slipway/contracts';
import type { ParsedRequestOf, ReplyOf } from '@slipway/contracts';
import { formatInstant, SlipwayError, targetKey } from '@slipway/core';
import type { PinFact, Version } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { Caller } from '@slipway/messaging';
import { LEVEL } from '../decide/marks.js';
import { findDeployment, findEnvironment, findVersion } from '../names.js';
import type { State } from '../state.js';
import { TAKE_TIMEOUT_MS, untilTaken } from '../take-at-scheduler.js';
import { checkExpiry } from './expiry.js';
import { standingOf } from './ledger.js';
import type { Draft, Ledger, RowOf } from './ledger.js';

type PinRequest = ParsedRequestOf<'policy.pin'>;
type Place = Pick<PinRequest, 'deployment' | 'environment' | 'resource'>;

/** Targets that a refusal or a remark names. */
const NAMED_MAX = 5;

/**
 * Pins: a target, or all of an environment, is held at one version, newer or older than what runs there (I8). A pin says which version, not whether:
 * the gates apply to it as to any other, and an override skips one of them.
 */
export class Pins {
  constructor(
    private readonly deps: ServiceDeps,
    private readonly state: State,
    private readonly ledger: Ledger,
  ) {}

  /** Answered only once the scheduler has taken it: no other version starts there afterwards. A pin of the same place is replaced. */
  async pin(request: PinRequest, caller: Caller): Promise<ReplyOf<'policy.pin'>> {
    const what = `Pinning ${nameOf(request)} to ${request.version}`;
    const { result, decisions } = await this.ledger.change((draft) => {
      const { deployment, environment, resource, expiresAt, reason } = request;
      if (expiresAt !== undefined) checkExpiry(what, 'pin', expiresAt, draft.now);
      const version = this.find(request);
      const quarantined = this.checkTargets(what, request, version);
      const before = pinsOf(draft, request);
      const same = before.find(({ fact }) => fact.version === version.id && fact.expiresAt === expiresAt && fact.reason === reason);
      if (same?.fact.by === caller.name) return { rows: [same], version, quarantined };
      const ended = { at: draft.now, by: caller.name, verb: 'replaced' } as const;
      const replaced = before.map((row) => draft.end(row, ended));
      const fact = { deployment, environment, version: version.id, by: caller.name, reason };
      const row = draft.make(
        'pin',
        { ...fact, ...(resource === undefined ? {} : { resource }), ...(expiresAt === undefined ? {} : { expiresAt }) },
        version.tag,
      );
      draft.marks.add(request, LEVEL.judge, true);
      return { rows: [...replaced, row], version, quarantined };
    });
    const { rows, version, quarantined } = result;
    const { id } = rows.at(-1)!;
    await untilTaken(this.deps.requests.ask('scheduler.takeStanding', { facts: rows.map(standingOf) }, { timeoutMs: TAKE_TIMEOUT_MS }), {
      code: 'policy.pin.notTakenYet',
      what: `Pin ${id}`,
    });
    const decision = decisions.find((one) => one.versionId === version.id);
    const now =
      decision === undefined || decision.verdict === 'allowed' ? '' : `; it is ${decision.verdict} now: ${decision.because.join('; ')}`;
    const until = request.expiresAt === undefined ? 'until it is taken away' : `until ${formatInstant(request.expiresAt)}`;
    const away =
      quarantined.length === 0
        ? ''
        : `; it stays away from ${listOf(quarantined)}, where it was rolled back: slipway quarantine release ${request.deployment} ${version.tag} -e ${request.environment}`;
    return { id, done: `${id}: ${nameOf(request)} is pinned to ${version.tag} ${until}${now}${away}` };
  }

  async unpin(request: ParsedRequestOf<'policy.unpin'>, caller: Caller): Promise<ReplyOf<'policy.unpin'>> {
    const { reason } = request;
    const { result } = await this.ledger.change((draft) => {
      const deployment = findDeployment(this.state.inventory, request.deployment);
      findEnvironment(this.state.inventory, request.environment, deployment);
      const rows = pinsOf(draft, request);
      if (rows.length === 0) throw notPinned(draft, request);
      for (const row of rows)
        draft.end(row, { at: draft.now, by: caller.name, verb: 'lifted', ...(reason === undefined ? {} : { reason }) });
      draft.marks.add(request, LEVEL.judge, true);
      return rows;
    });
    return { done: `${nameOf(request)} is pinned to ${result.map((row) => row.tag ?? '').join(', ')} no longer` };
  }

  async list({ all }: ParsedRequestOf<'policy.pins'>): Promise<ReplyOf<'policy.pins'>> {
    return { pins: await this.ledger.list('pin', all) };
  }

  /** The version, if it can be deployed at all. */
  private find(request: PinRequest): Version {
    const { inventory } = this.state;
    findEnvironment(inventory, request.environment, findDeployment(inventory, request.deployment));
    const version = findVersion(inventory, request.deployment, request.version);
    if (version.status !== 'failed' && version.status !== 'rejected') return version;
    const ready = version.status === 'rejected' ? `; slipway version ready ${request.deployment} ${version.tag} makes it deployable` : '';
    throw refused(`Pinning ${nameOf(request)} to ${version.tag}: that version is ${version.status}${ready}`);
  }

  /** Gives the pinned targets that the version was rolled back from, unless that is all of them: then the pin would do nothing. */
  private checkTargets(what: string, { deployment, environment, resource }: PinRequest, version: Version): string[] {
    const targets = this.state.inventory.targets(deployment, environment);
    const there = [...(targets?.resources() ?? [])];
    if (there.length === 0) throw missing(`${what}: ${deployment} has no release targets in ${environment}`);
    if (resource !== undefined && !targets?.has(resource))
      throw missing(`${what}: ${resource} is no release target of it${didYouMean(resource, there)}`);
    const meant = resource === undefined ? there : [resource];
    const quarantined = meant.filter((one) =>
      this.state.facts.get(targetKey(deployment, environment, one))?.quarantined.includes(version.id),
    );
    if (quarantined.length < meant.length) return quarantined;
    const release = `slipway quarantine release ${deployment} ${version.tag} -e ${environment}`;
    throw refused(`${what}: it was rolled back from ${listOf(quarantined)} and is quarantined there; first ${release}`);
  }
}

function pinsOf(draft: Draft, { deployment, environment, resource }: Place): RowOf<'pin'>[] {
  return draft
    .inForce('pin')
    .filter(({ fact }) => fact.deployment === deployment && fact.environment === environment && fact.resource === resource);
}

function notPinned(draft: Draft, place: Place): SlipwayError {
  const here = draft.inForce('pin').filter(({ fact }) => fact.deployment === place.deployment && fact.environment === place.environment);
  const there = here.map(({ fact, tag }) => `${nameOf(fact)} to ${tag}`).join(', ');
  return missing(`Unpinning ${nameOf(place)}: it is not pinned${there === '' ? '' : `; pinned is ${there}`}`);
}

function nameOf({ deployment, environment, resource }: Place | PinFact): string {
  return `${deployment} in ${environment}${resource === undefined ? '' : ` at ${resource}`}`;
}

function listOf(names: readonly string[]): string {
  return `${names.slice(0, NAMED_MAX).join(', ')}${names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : ''}`;
}

const refused = (message: string): SlipwayError => new SlipwayError({ code: 'policy.pin.version', kind: 'conflict', message });
const missing = (message: string): SlipwayError => new SlipwayError({ code: 'policy.pin.missing', kind: 'missing', message });
