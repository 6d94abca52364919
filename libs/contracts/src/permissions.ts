import { operations } from './operations.js';
import { subjects } from './subjects.js';

/*
 * Who may publish and subscribe what, as data: the scopes of the signing keys and the exports and imports between accounts are made from it;
 * docs/subjects.md tells it to people. Agents and CI live in accounts of their own, because a client can name any subject as the reply of a
 * request it may make, and the server then publishes there for it.
 */

export type AccountName = 'SYS' | 'SERVICES' | 'AGENTS' | 'CI';

/** Who holds a credential. `person` is every human being; what they may ask for is their role, in the tags of their JWT. */
export type CredentialRole =
  'registry' | 'policy' | 'scheduler' | 'provision' | 'replay' | 'ops' | 'person' | 'agent' | 'enrol' | 'ci' | 'system';

export interface Scope {
  account: AccountName;
  publish: string[];
  subscribe: string[];
  /** May answer requests that reach it: once each, within 30 s. */
  responds?: boolean;
}

/** The prefix under which agents reach JetStream of the services' account, because every account has a `$JS.API` of its own. */
export const AGENT_JETSTREAM_PREFIX = 'SERVICES.API';

/** The tag of an agent's JWT for one queue it may pull from; one tag for each executor of its pool. */
export const queueTag = (pool: string, executor: string): string => `queue:${pool}_${executor}`;

/**
 * Where our own programs take replies; a tree apart from `_INBOX`, which people with the plain `nats` CLI may read as a whole, because
 * its inboxes are random and cannot be permitted by name. So nobody sees what a service answers to somebody else.
 */
export const ownInbox = (name: string): string => `_OWN.${name}`;
const OWN_INBOX = `${ownInbox('{{name()}}')}.>`;
const CLI_INBOX = '_INBOX.>';

/** Pull, look at and acknowledge one's own consumer, in both formats of the acknowledgement subject, and write its dead letters. */
const consumes = (stream: string, consumer: string): string[] => [
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
  `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
  `$JS.ACK.${stream}.${consumer}.>`,
  `$JS.ACK.*.*.${stream}.${consumer}.>`,
  subjects.deadLetter(stream, consumer),
];

/** Read single stored messages; the relay asks so after a batch whose acknowledgement got lost. */
const looksUp = (stream: string): string => `$JS.API.STREAM.MSG.GET.${stream}`;

const asks = (...names: (keyof typeof operations)[]): string[] => names.map(operationSubject);

/** `policy.explain` → `slipway.rpc.policy.explain`. */
export function operationSubject(name: string): string {
  const [service = '', operation = ''] = name.split('.');
  return subjects.rpc(service, operation);
}

const answers = (service: string): string[] => [
  `slipway.rpc.${service}.>`,
  ...['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.${service}`, `$SRV.${verb}.${service}.*`]),
];

/** `nats micro ls|info|stats|ping`. */
const DISCOVERY = ['PING', 'INFO', 'STATS'].flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.>`]);

/** Looking at streams changes nothing; reading is limited to streams that hold no secrets, and none does. */
const LOOKING = [
  '$JS.API.INFO',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.LIST',
  '$JS.API.STREAM.INFO.*',
  '$JS.API.CONSUMER.NAMES.*',
  '$JS.API.CONSUMER.LIST.*',
  '$JS.API.CONSUMER.INFO.*.*',
  ...['CI', 'EVT', 'REPORTS', 'LOGS', 'DLQ'].flatMap((stream) => [
    `$JS.API.DIRECT.GET.${stream}`,
    `$JS.API.DIRECT.GET.${stream}.>`,
    looksUp(stream),
  ]),
];

/** All that may be tailed: everything but requests, which can carry one-time tokens. */
const TAILING = [
  'slipway.ci.>',
  'slipway.evt.>',
  'slipway.job.>',
  'slipway.agt.*.job.>',
  'slipway.agt.*.log.>',
  'slipway.agt.*.hb',
  'slipway.dlq.>',
  '$JS.EVENT.ADVISORY.>',
];

const INVENTORY_KINDS = [
  'system',
  'environment',
  'deployment',
  'resource',
  'policy',
  'metric',
  'variableSet',
  'agent',
  'version',
  'targets',
];

/** Operations that people may ask for; those of role `service` are kept from them by this list, so that no signature is needed there. */
const PEOPLE_ASK = Object.entries(operations)
  .filter(([, operation]) => operation.role !== 'service')
  .map(([name]) => operationSubject(name));

/** `system` is not scoped: it is a user of the server's own account, minted only to push accounts. */
export const scopes: Record<Exclude<CredentialRole, 'system'>, Scope> = {
  registry: {
    account: 'SERVICES',
    publish: [
      ...INVENTORY_KINDS.map((kind) => `slipway.evt.${kind}.>`),
      ...consumes('CI', 'registry'),
      looksUp('EVT'),
      ...asks('policy.decisions', 'scheduler.agents', 'scheduler.takeChanges'),
      // The queue of a pool and executor is made when the first agent enrols for it.
      '$JS.API.CONSUMER.CREATE.JOBS.>',
      '$JS.API.CONSUMER.INFO.JOBS.*',
    ],
    subscribe: [OWN_INBOX, ...answers('registry'), 'slipway.agt.*.rpc.enrol', 'slipway.agt.*.rpc.credentials'],
    responds: true,
  },
  policy: {
    account: 'SERVICES',
    publish: [
      'slipway.evt.decision.>',
      'slipway.evt.approval.>',
      'slipway.evt.shadow.>',
      ...['freeze', 'pin', 'override'].map((kind) => `slipway.evt.${kind}.>`),
      ...consumes('EVT', 'policy'),
      looksUp('EVT'),
      ...asks('registry.feed', 'scheduler.takeDecisions', 'scheduler.takeStanding', 'scheduler.rollouts'),
    ],
    subscribe: [OWN_INBOX, ...answers('policy')],
    responds: true,
  },
  scheduler: {
    account: 'SERVICES',
    publish: [
      ...['rollout', 'release', 'job', 'verification', 'command'].map((noun) => `slipway.evt.${noun}.>`),
      ...['draining', 'paused', 'resumed'].map((verb) => `slipway.evt.agent.*.${verb}`),
      'slipway.job.>',
      'slipway.nudge.*',
      ...consumes('EVT', 'scheduler'),
      ...consumes('REPORTS', 'scheduler'),
      looksUp('EVT'),
      looksUp('JOBS'),
      // What every agent has answered leaves the queue by a purge (queue-sweep).
      '$JS.API.CONSUMER.LIST.JOBS',
      '$JS.API.STREAM.PURGE.JOBS',
      ...asks('registry.feed', 'policy.decisions', 'policy.explain', 'policy.standing'),
    ],
    subscribe: [OWN_INBOX, ...answers('scheduler'), 'slipway.agt.*.rpc.claim', 'slipway.agt.*.rpc.renew', 'slipway.agt.*.hb'],
    responds: true,
  },
  provision: {
    account: 'SERVICES',
    publish: [
      '$JS.API.INFO',
      '$JS.API.STREAM.NAMES',
      ...['CREATE', 'UPDATE', 'INFO'].map((verb) => `$JS.API.STREAM.${verb}.*`),
      '$JS.API.CONSUMER.NAMES.*',
      '$JS.API.CONSUMER.CREATE.>',
      // With several filters the server wants the older subject.
      '$JS.API.CONSUMER.DURABLE.CREATE.*.*',
      '$JS.API.CONSUMER.INFO.*.*',
    ],
    subscribe: [OWN_INBOX, '_INBOX.{{name()}}.>'],
  },
  /** Break-glass: puts dead letters back where they came from. */
  replay: {
    account: 'SERVICES',
    publish: [
      'slipway.ci.>',
      'slipway.evt.>',
      'slipway.agt.*.job.>',
      '$JS.API.DIRECT.GET.DLQ',
      '$JS.API.DIRECT.GET.DLQ.>',
      '$JS.API.STREAM.INFO.DLQ',
      '$JS.API.STREAM.MSG.DELETE.DLQ',
    ],
    subscribe: [OWN_INBOX, '_INBOX.{{name()}}.>'],
  },
  ops: { account: 'SERVICES', publish: [...LOOKING, ...DISCOVERY], subscribe: [OWN_INBOX, CLI_INBOX, ...TAILING] },
  person: { account: 'SERVICES', publish: [...PEOPLE_ASK, ...LOOKING, ...DISCOVERY], subscribe: [OWN_INBOX, CLI_INBOX, ...TAILING] },
  agent: {
    account: 'AGENTS',
    publish: [
      `${AGENT_JETSTREAM_PREFIX}.CONSUMER.MSG.NEXT.JOBS.{{tag(queue)}}`,
      '$JS.ACK.JOBS.{{tag(queue)}}.>',
      '$JS.ACK.*.*.JOBS.{{tag(queue)}}.>',
      'slipway.agt.{{name()}}.>',
    ],
    subscribe: [OWN_INBOX, 'slipway.nudge.{{name()}}'],
  },
  /** What a one-time token carries: enough to ask for a real credential, once. */
  enrol: { account: 'AGENTS', publish: ['slipway.agt.{{name()}}.rpc.enrol'], subscribe: [OWN_INBOX] },
  ci: { account: 'CI', publish: ['slipway.ci.version.{{tag(deployment)}}'], subscribe: [OWN_INBOX, CLI_INBOX] },
};

/** One way from one account into another: `from` lets `to` use the subject. */
export interface Bridge {
  from: AccountName;
  to: AccountName;
  /** `service`: the other account's publishes arrive here and are answered; `stream`: what is published here is seen there. */
  kind: 'service' | 'stream';
  subject: string;
  /** Under this name in `to`; absent: the same. */
  as?: string;
  /** A pull is answered by many messages. */
  manyReplies?: boolean;
}

export const bridges: readonly Bridge[] = [
  {
    from: 'SERVICES',
    to: 'AGENTS',
    kind: 'service',
    subject: '$JS.API.CONSUMER.MSG.NEXT.JOBS.*',
    as: `${AGENT_JETSTREAM_PREFIX}.CONSUMER.MSG.NEXT.JOBS.*`,
    manyReplies: true,
  },
  { from: 'SERVICES', to: 'AGENTS', kind: 'service', subject: '$JS.ACK.JOBS.>' },
  { from: 'SERVICES', to: 'AGENTS', kind: 'service', subject: '$JS.ACK.*.*.JOBS.>' },
  { from: 'SERVICES', to: 'AGENTS', kind: 'service', subject: 'slipway.agt.>' },
  { from: 'SERVICES', to: 'AGENTS', kind: 'stream', subject: 'slipway.nudge.*' },
  { from: 'SERVICES', to: 'CI', kind: 'service', subject: 'slipway.ci.>' },
];
