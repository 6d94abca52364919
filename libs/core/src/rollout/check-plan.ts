import type { Rollout } from '../model/rollout.js';

/** `fatal`: must not be carried out. `note`: a person may wish to know. */
export interface PlanFinding {
  severity: 'fatal' | 'note';
  kind:
    | 'memberTwice'
    | 'lettersDiffer'
    | 'waveGap'
    | 'waveEmpty'
    | 'notCovered'
    | 'waveIndex'
    | 'maxInFlight'
    | 'failureBudget'
    | 'nothingVerifies';
  message: string;
}

/** Checks a rollout's plan independently of the planner: each member once, waves contiguous and covering, bounds that make sense. */
export function checkPlan(rollout: Rollout): PlanFinding[] {
  const { plan } = rollout;
  const findings: PlanFinding[] = [];
  const add = (severity: PlanFinding['severity'], kind: PlanFinding['kind'], message: string): void =>
    void findings.push({ severity, kind, message });

  const seen = new Set<string>();
  for (const member of plan.members) {
    if (seen.has(member)) add('fatal', 'memberTwice', `${member} stands twice in the order`);
    seen.add(member);
  }
  if (rollout.members.length !== plan.members.length) {
    add('fatal', 'lettersDiffer', `${plan.members.length} members, but ${rollout.members.length} letters`);
  }
  let reached = 0;
  for (const wave of plan.waves) {
    if (wave.from !== reached) add('fatal', 'waveGap', `wave ${wave.name} begins at ${wave.from}, the one before ends at ${reached}`);
    if (wave.to <= wave.from) add('fatal', 'waveEmpty', `wave ${wave.name} has no members`);
    reached = wave.to;
  }
  if (reached !== plan.members.length) add('fatal', 'notCovered', `the waves end at ${reached} of ${plan.members.length} members`);
  if (rollout.wave < 0 || rollout.wave >= Math.max(1, plan.waves.length)) add('fatal', 'waveIndex', `there is no wave ${rollout.wave}`);
  if (!Number.isInteger(plan.maxInFlight) || plan.maxInFlight < 1)
    add('fatal', 'maxInFlight', `maxInFlight is ${plan.maxInFlight}: nothing could ever begin`);
  if (!Number.isInteger(plan.failureBudget) || plan.failureBudget < 0)
    add('fatal', 'failureBudget', `a failure budget of ${plan.failureBudget} is no count`);
  if (rollout.obligations.verification.length === 0 && plan.waves.length > 1 && plan.waves.some((w) => w.verify)) {
    add('note', 'nothingVerifies', 'waves ask for verification, but neither the deployment nor a policy has a metric');
  }
  return findings;
}
