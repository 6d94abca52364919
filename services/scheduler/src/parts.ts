import type { ServiceDeps } from '@slipway/hosting';
import type { ServiceParts } from '@slipway/messaging';
import { InventoryMirror, type FeedSource } from '@slipway/persistence';
import { commandAgent } from './agents/agent-orders.js';
import { Heartbeats } from './agents/heartbeats.js';
import { followEvents, takeChanges, type ChangesToTake } from './decisions/follow-events.js';
import { takeDecisions } from './decisions/take-decisions.js';
import { JobCommands } from './jobs/commands.js';
import { Desk } from './jobs/desk.js';
import { takeReports } from './jobs/reports.js';
import { RollbackCommands } from './rollback/commands.js';
import { RolloutCommands } from './rollouts/commands.js';
import { showInbox } from './status/inbox.js';
import { showJobs } from './status/job-views.js';
import { showStatus } from './status/matrix.js';
import { showRollouts } from './status/rollout-views.js';
import { takeStanding } from './standing/take-standing.js';
import { Waker } from './wake.js';
import { DecisionCache, LEASE_MS, PlanCache, PLACES_CACHED_MAX, Recent, type World } from './world.js';

export interface SchedulerOptions {
  /** How long a lease lasts; agents renew every third of it. */
  leaseMs?: number;
  /** Hint to an agent that it should renew now; called after the commit of what the renewal's reply will tell. Without it agents hear with their next renewal. */
  nudgeAgent?(agent: string): void;
  /** Take from the queue what agents have answered. Called now and then; without it that stays until it is too old. */
  sweepQueue?(): Promise<void>;
}

/** The scheduler: what runs. Hosted by Nest over NATS in production and by the simulation over a memory bus. */
export function createScheduler(deps: ServiceDeps & SchedulerOptions): ServiceParts {
  const { store, clock, ids, log, requests } = deps;
  const world: World = {
    ...{ store, clock, ids, log },
    nudgeAgent: (agent) => deps.nudgeAgent?.(agent),
    wakeBy: (at) => waker.wakeBy(at),
    mirror: new InventoryMirror(),
    decisions: new DecisionCache(),
    plans: new PlanCache(),
    templates: new Set(),
    places: new Recent(PLACES_CACHED_MAX),
    problems: new Map(),
    leaseMs: deps.leaseMs ?? LEASE_MS,
  };
  const feed: FeedSource = requests;
  const desk = new Desk(world);
  const heartbeats = new Heartbeats(world);
  const rollouts = new RolloutCommands(world);
  const jobs = new JobCommands(world);
  const rollbacks = new RollbackCommands(world);
  const waker = new Waker(world, requests, deps);
  return {
    consumers: {
      'EVT/scheduler': (batch) => followEvents(world, feed, batch),
      'REPORTS/scheduler': (batch) => takeReports(world, batch),
    },
    operations: {
      'scheduler.takeStanding': async ({ facts }) => ({ taken: await takeStanding(world, facts) }),
      'scheduler.takeChanges': async (request) => ({
        revision: await takeChanges(world, feed, request as unknown as ChangesToTake),
      }),
      'scheduler.takeDecisions': async ({ decisions }) => ({ taken: await takeDecisions(world, decisions) }),
      'scheduler.status': (request) => showStatus(world, request),
      'scheduler.inbox': (request) => showInbox(world, request),
      'scheduler.rollouts': (request) => showRollouts(store, request, clock.now()),
      'scheduler.jobs': (request) => showJobs(store, request),
      'scheduler.agents': () => heartbeats.list(),
      'scheduler.commandAgent': (command, caller) => commandAgent(world, command, caller),
      'scheduler.pause': (command, caller) => rollouts.pause(command, caller),
      'scheduler.resume': (command, caller) => rollouts.resume(command, caller),
      'scheduler.promote': (command, caller) => rollouts.promote(command, caller),
      'scheduler.abort': (command, caller) => rollouts.abort(command, caller),
      'scheduler.retryFailed': (command, caller) => rollouts.retryFailed(command, caller),
      'scheduler.exclude': (command, caller) => rollouts.exclude(command, caller),
      'scheduler.rollback': (command, caller) => rollbacks.rollback(command, caller),
      'scheduler.releaseQuarantine': (command, caller) => rollbacks.releaseQuarantine(command, caller),
      'scheduler.cancel': (command, caller) => jobs.cancel(command, caller),
      'scheduler.confirm': (command, caller) => jobs.confirm(command, caller),
      'scheduler.resolve': (command, caller) => jobs.resolve(command, caller),
    },
    agentRequests: {
      claim: (request: never, agent) => desk.claim(agent, request),
      renew: (request: never, agent) => desk.renew(agent, request),
      hb: (beat: never, agent) => heartbeats.hear(beat, agent),
    },
    wake: (now) => waker.wake(now),
  };
}
