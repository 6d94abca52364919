import type { ServiceDeps } from '@slipway/hosting';
import type { ServiceParts } from '@slipway/messaging';
import { Approvals } from './approvals/approvals.js';
import { Consumer } from './consume.js';
import { Decider } from './decide/decider.js';
import { Explainer } from './explain/explainer.js';
import { State } from './state.js';

/** The policy service: what may go. Hosted by Nest over NATS in production and by the simulation over a memory bus. */
export function createPolicy(deps: ServiceDeps): ServiceParts {
  const state = new State();
  const decider = new Decider(deps, state);
  const consumer = new Consumer(deps, state, decider);
  const explainer = new Explainer(deps, state);
  const approvals = new Approvals(deps, state, decider, explainer);
  return {
    consumers: { 'EVT/policy': (batch) => consumer.take(batch) },
    operations: {
      'policy.explain': (request) => explainer.explain(request),
      'policy.decisions': (request) => explainer.decisions(request),
      'policy.approve': (request, caller) => approvals.approve(request, caller),
      'policy.reject': (request, caller) => approvals.reject(request, caller),
      'policy.withdraw': (request, caller) => approvals.withdraw(request, caller),
    },
    agentRequests: {},
    async wake(now) {
      await consumer.sweep(now);
      return decider.wake(now);
    },
  };
}
