import type { ClaimAnswer, ClaimRequest, RenewReply, RenewRequest } from '@slipway/contracts';
import { answerRenewal } from '@slipway/core';
import { ordersFor, wordFor } from '../agents/agent-orders.js';
import { inPlaces } from '../in-places.js';
import { MicroBatch } from '../micro-batch.js';
import { jobTable } from '../tables.js';
import type { Place, Work } from '../work.js';
import type { World } from '../world.js';
import { answerClaims, type Claim } from './claim.js';
import { stepJob } from './step-job.js';

/** How many requests of agents share one transaction. */
const REQUESTS_MAX = 100;

type Asked = { agent: string; claim: ClaimRequest } | { agent: string; renew: RenewRequest };
type Answered = { claim: { jobs: ClaimAnswer[] } } | { renew: RenewReply };

/** Where agents ask for jobs and renew their leases. The reply to a renewal is the only thing that commands an agent. */
export class Desk {
  private readonly requests: MicroBatch<Asked, Answered>;

  constructor(private readonly world: World) {
    this.requests = new MicroBatch((batch) => this.serve(batch), REQUESTS_MAX);
  }

  async claim(agent: string, claim: ClaimRequest): Promise<{ jobs: ClaimAnswer[] }> {
    const answer = await this.requests.ask({ agent, claim });
    return 'claim' in answer ? answer.claim : { jobs: [] };
  }

  async renew(agent: string, renew: RenewRequest): Promise<RenewReply> {
    const answer = await this.requests.ask({ agent, renew });
    return 'renew' in answer ? answer.renew : { jobs: [], agent: 'on' };
  }

  private async serve(batch: readonly Asked[]): Promise<Answered[]> {
    const ids = batch.flatMap((asked) => ('claim' in asked ? asked.claim : asked.renew).jobs.map(({ job }) => job));
    const serve = async (work: Work): Promise<Answered[]> => {
      const claims: Claim[] = batch.flatMap((asked) =>
        'claim' in asked ? asked.claim.jobs.map((job) => ({ ...job, agent: asked.agent })) : [],
      );
      const agents = batch.map(({ agent }) => agent);
      const told = ordersFor(work.tx, agents);
      const [orders, answers] = await Promise.all([told, answerClaims(work, claims, told)]);
      let next = 0;
      return batch.map((asked): Answered => {
        if ('renew' in asked) return { renew: renewAll(work, asked.agent, asked.renew, wordFor(orders.get(asked.agent))) };
        const mine = answers.slice(next, (next += asked.claim.jobs.length));
        return { claim: { jobs: mine } };
      });
    };
    return inPlaces(this.world, await placesOf(this.world, ids), serve, ids);
  }
}

function renewAll(work: Work, agent: string, request: RenewRequest, word: RenewReply['agent']): RenewReply {
  const jobs = request.jobs.map(({ job, epoch }): RenewReply['jobs'][number] => {
    const row = work.jobs.get({ id: job });
    if (!row) return { job, go: 'stop', leaseMs: 0 };
    const go = answerRenewal(row, agent, epoch);
    if (go !== 'stop') stepJob(work, row, { type: 'renew', agent, epoch });
    const { confirmation } = row;
    return { job, go, leaseMs: row.limits.leaseMs, ...(go === 'on' && confirmation ? { confirmed: confirmation.question } : {}) };
  });
  return { jobs, agent: word };
}

/** The places of these jobs; a job never changes its place, so no lock is needed to look. */
export async function placesOf(world: World, ids: readonly string[]): Promise<Place[]> {
  const known = ids.flatMap((id) => world.places.get(id) ?? []);
  const unknown = [...new Set(ids.filter((id) => world.places.get(id) === undefined))];
  if (unknown.length === 0) return known;
  const stored = await world.store.read((reader) => reader.find(jobTable, { id: unknown }, { only: ['id', 'deployment', 'environment'] }));
  return [...known, ...stored];
}
