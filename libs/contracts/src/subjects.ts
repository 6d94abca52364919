import { resourceToken } from './names.js';

/*
 * Every subject of Slipway is built here and nowhere else. Fixed depth per class, past-tense verb last, and whatever an operator may
 * filter by is a token of its own: `slipway.evt.*.*.production.>` is all that happens in production.
 */

/** A resource's place in the event tree. */
export interface TargetPath {
  deployment: string;
  environment: string;
  /** Identifier, not yet a token. */
  resource: string;
}

const at = (t: TargetPath): string => `${t.deployment}.${t.environment}.${resourceToken(t.resource)}`;

export const subjects = {
  ciVersion: (deployment: string) => `slipway.ci.version.${deployment}`,

  version: (deployment: string, verb: 'published' | 'statusChanged') => `slipway.evt.version.${deployment}.${verb}`,
  /** `kind`: system, environment, deployment, resource, policy, metric, variableSet, agent. */
  inventory: (kind: string, name: string, verb: 'applied' | 'removed' | 'enrolled' | 'revoked') =>
    `slipway.evt.${kind}.${kind === 'resource' ? resourceToken(name) : name}.${verb}`,
  targets: (deployment: string, environment: string) => `slipway.evt.targets.${deployment}.${environment}.changed`,
  decision: (deployment: string, environment: string, verdict: string) => `slipway.evt.decision.${deployment}.${environment}.${verdict}`,
  /** A shadow policy: disagreed with the gate, or agreed again. */
  shadow: (deployment: string, environment: string, verb: 'disagreed' | 'agreed') =>
    `slipway.evt.shadow.${deployment}.${environment}.${verb}`,
  /** What people decided: approved, rejected, withdrawn. */
  approval: (deployment: string, environment: string, verb: string) => `slipway.evt.approval.${deployment}.${environment}.${verb}`,
  /** Like those below `made`, `lifted`, `expired`. */
  freeze: (id: string, verb: string) => `slipway.evt.freeze.${id}.${verb}`,
  pin: (deployment: string, environment: string, verb: string) => `slipway.evt.pin.${deployment}.${environment}.${verb}`,
  override: (deployment: string, environment: string, verb: string) => `slipway.evt.override.${deployment}.${environment}.${verb}`,
  /** What people told an agent to do. */
  agentCommand: (agent: string, verb: 'draining' | 'paused' | 'resumed') => `slipway.evt.agent.${agent}.${verb}`,
  /** What people told the scheduler: paused, promoted, rolledBack, cancelled … */
  command: (deployment: string, environment: string, verb: string) => `slipway.evt.command.${deployment}.${environment}.${verb}`,
  rollout: (deployment: string, environment: string, verb: string) => `slipway.evt.rollout.${deployment}.${environment}.${verb}`,
  release: (target: TargetPath, verb: string) => `slipway.evt.release.${at(target)}.${verb}`,
  job: (target: TargetPath, verb: string) => `slipway.evt.job.${at(target)}.${verb}`,
  verification: (target: TargetPath, verb: string) => `slipway.evt.verification.${at(target)}.${verb}`,

  jobQueue: (pool: string, executor: string, job: string) => `slipway.job.${pool}.${executor}.${job}`,

  agentReport: (agent: string, job: string, verb: string) => `slipway.agt.${agent}.job.${job}.${verb}`,
  agentLog: (agent: string, job: string) => `slipway.agt.${agent}.log.${job}`,
  agentHeartbeat: (agent: string) => `slipway.agt.${agent}.hb`,
  agentRequest: (agent: string, operation: AgentOperation) => `slipway.agt.${agent}.rpc.${operation}`,
  /** A hint to one agent to renew now; carries no authority. */
  agentNudge: (agent: string) => `slipway.nudge.${agent}`,

  rpc: (service: string, operation: string) => `slipway.rpc.${service}.${operation}`,
  deadLetter: (stream: string, consumer: string) => `slipway.dlq.${stream}.${consumer}`,
} as const;

/** What an agent asks: `claim` and `renew` of the scheduler, `enrol` and `credentials` of the registry. */
export type AgentOperation = 'claim' | 'renew' | 'enrol' | 'credentials';

/** The agent's name in a subject of its own tree; the server let it publish only there, so this is proof of authorship. */
export function agentOf(subject: string): string {
  return subject.split('.')[2] ?? '';
}
