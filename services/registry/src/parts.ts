import { SlipwayError } from '@slipway/core';
import type { ServiceDeps } from '@slipway/hosting';
import type { BatchHandler, Caller, ServiceParts } from '@slipway/messaging';
import type { EnrolRequest, CredentialsRequest } from '@slipway/contracts';
import { enrolAgent } from './enrolment/enrol.js';
import { inviteAgent } from './enrolment/invite.js';
import { listAgents } from './enrolment/list.js';
import type { AgentCredentials, JobQueues } from './enrolment/ports.js';
import { renewCredentials } from './enrolment/renew-credentials.js';
import { revokeAgent } from './enrolment/revoke.js';
import { applyDocuments } from './apply/apply.js';
import { readFeed } from './feed/feed.js';
import { getDocument, listDocuments } from './inventory/answer-get-list.js';
import { KnownInventory } from './inventory/known-inventory.js';
import { showVariables } from './inventory/show-variables.js';
import { ciConsumer } from './versions/ci-consumer.js';
import { publishVersions } from './versions/publish.js';
import { sayStatus } from './versions/say-status.js';

export interface RegistryDeps extends ServiceDeps {
  credentials: AgentCredentials;
  queues: JobQueues;
}

/**
 * The registry: what exists. It numbers every change of the inventory (INVENTORY_LOCK), keeps the history of all of it, and gives agents
 * their identity. Nothing of it is due by time alone.
 */
export function createRegistry(deps: RegistryDeps): ServiceParts {
  const known = new KnownInventory(deps.store);
  const versioning = { store: deps.store, clock: deps.clock, ids: deps.ids, known };
  const applying = { store: deps.store, clock: deps.clock, known };
  return {
    consumers: { 'CI/registry': ciConsumer(versioning) as BatchHandler },
    operations: {
      'registry.apply': (request, caller) => applyDocuments(applying, request, caller.name),
      'registry.get': (request) => getDocument(known, request),
      'registry.list': (request) => listDocuments(known, request),
      'registry.variables': (request) => showVariables(known, request),
      'registry.feed': (request) => readFeed(deps.store, request),
      'registry.publishVersion': async ({ deployment, version: payload }) => {
        const [result] = await publishVersions(versioning, [{ deployment, payload }]);
        if (!result || 'error' in result) throw new SlipwayError(result?.error ?? noResult);
        return { id: result.version.id, tag: result.version.tag, sequence: result.version.sequence, duplicate: result.duplicate };
      },
      'registry.setVersionStatus': async (request, caller: Caller) => ({
        done: await sayStatus({ ...versioning, requests: deps.requests }, request, caller.name),
      }),
      'registry.inviteAgent': (request, caller) => inviteAgent(deps, request, caller.name),
      'registry.revokeAgent': (request, caller) => revokeAgent(deps, request, caller.name),
      'registry.agents': () => listAgents(deps.store),
    },
    agentRequests: {
      enrol: (request: EnrolRequest, agent) => enrolAgent(deps, request, agent),
      credentials: (request: CredentialsRequest, agent) => renewCredentials(deps, request, agent),
    } as ServiceParts['agentRequests'],
    wake: () => Promise.resolve(undefined),
  };
}

const noResult = { code: 'registry.version.lost', kind: 'bug', message: 'Publishing a version gave no result' } as const;
