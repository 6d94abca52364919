import type { ServiceDeps } from '@slipway/hosting';
import type { ServiceParts } from '@slipway/messaging';
import { Approvals } from './approvals/approvals.js';
import { Consumer } from './consume.js';
import { Decider } from './decide/decider.js';
import { Inbox } from './inbox/inbox.js';
import { Freezes } from './facts-of-people/freezes.js';
import { Ledger } from './facts-of-people/ledger.js';
import { Overrides } from './facts-of-people/overrides.js';
import { Pins } from './facts-of-people/pins.js';
import { Explainer } from './explain/explainer.js';
import { HistoryPruner } from './history/prune.js';
import { tellHistory } from './history/tell-history.js';
import { reportShadows } from './shadow/report.js';
import { Simulator } from './simulate/simulator.js';
import { State } from './state.js';

/** The policy service: what may go. Hosted by Nest over NATS in production and by the simulation over a memory bus. */
export function createPolicy(deps: ServiceDeps): ServiceParts {
  const state = new State();
  const decider = new Decider(deps, state);
  const consumer = new Consumer(deps, state, decider);
  const explainer = new Explainer(deps, state);
  const approvals = new Approvals(deps, state, decider, explainer);
  const inbox = new Inbox(deps, state);
  const ledger = new Ledger(deps, state, decider);
  const freezes = new Freezes(deps, state, ledger);
  const pins = new Pins(deps, state, ledger);
  const overrides = new Overrides(deps, state, ledger, decider, explainer);
  const simulator = new Simulator(deps, state);
  const pruner = new HistoryPruner(deps.store);
  return {
    consumers: { 'EVT/policy': (batch) => consumer.take(batch) },
    operations: {
      'policy.explain': (request) => explainer.explain(request),
      'policy.decisions': (request) => explainer.decisions(request),
      'policy.simulate': (request) => simulator.simulate(request),
      'policy.shadow': (request) => reportShadows(deps, state, request),
      'policy.history': (request) => tellHistory(deps, state, request),
      'policy.approve': (request, caller) => approvals.approve(request, caller),
      'policy.reject': (request, caller) => approvals.reject(request, caller),
      'policy.withdraw': (request, caller) => approvals.withdraw(request, caller),
      'policy.freeze': (request, caller) => freezes.freeze(request, caller),
      'policy.liftFreeze': (request, caller) => freezes.lift(request, caller),
      'policy.freezes': (request) => freezes.list(request),
      'policy.pin': (request, caller) => pins.pin(request, caller),
      'policy.unpin': (request, caller) => pins.unpin(request, caller),
      'policy.pins': (request) => pins.list(request),
      'policy.standing': () => ledger.standing(),
      'policy.override': (request, caller) => overrides.override(request, caller),
      'policy.liftOverride': (request, caller) => overrides.lift(request, caller),
      'policy.overrides': (request) => overrides.list(request),
      'policy.inbox': (request) => inbox.show(request),
    },
    agentRequests: {},
    async wake(now) {
      await consumer.sweep(now);
      await pruner.prune(now);
      const expires = await ledger.expire(now);
      return soonest(await decider.wake(now), expires);
    },
  };
}

function soonest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
