import type { JsonObject } from '@slipway/core';
import { cleanText } from '../../text.js';
import type { Waiting } from '../../vendor/vendor-client.js';
import { listOf, policyCheckSchema, policyEvaluationSchema, type CostEstimate, type TerraformPhase } from './answers.js';
import type { TerraformCloudApi } from './api.js';
import type { SeenRun } from './seen-run.js';

/** A status as people write it. */
export const words = (status: string): string => cleanText(status.replaceAll('_', ' '), 40);

/** What the plan would do, or the apply did; undefined until it is known. */
export function countsOf(
  phase: TerraformPhase | undefined,
): Record<'additions' | 'changes' | 'destructions' | 'imports', number> | undefined {
  const { attributes } = phase ?? {};
  if (!attributes || attributes['resource-additions'] === null) return undefined;
  return {
    additions: attributes['resource-additions'],
    changes: attributes['resource-changes'] ?? 0,
    destructions: attributes['resource-destructions'] ?? 0,
    imports: attributes['resource-imports'] ?? 0,
  };
}

/** `2 to add, 1 to change, 0 to destroy`; undefined until the plan is finished. */
export function planSentence(plan: TerraformPhase | undefined): string | undefined {
  const counts = countsOf(plan);
  if (!counts || plan?.attributes.status !== 'finished') return undefined;
  const imports = counts.imports > 0 ? `, ${counts.imports} to import` : '';
  const outputsOnly = plan.attributes['has-changes'] && Object.values(counts).every((n) => n === 0) ? ', outputs change' : '';
  return `${counts.additions} to add, ${counts.changes} to change, ${counts.destructions} to destroy${imports}${outputsOnly}`;
}

export function costOf(cost: CostEstimate | undefined): JsonObject | undefined {
  const { status, 'prior-monthly-cost': prior, 'proposed-monthly-cost': proposed, 'delta-monthly-cost': delta } = cost?.attributes ?? {};
  if (status !== 'finished' || prior === null || proposed === null) return undefined;
  return { priorMonthly: prior ?? null, proposedMonthly: proposed ?? null, deltaMonthly: delta ?? null };
}

export function costSentence(cost: CostEstimate | undefined): string | undefined {
  const told = costOf(cost);
  if (told) return cleanText(`costs ${told['proposedMonthly']} a month, was ${told['priorMonthly']}`, 80);
  const error = cost?.attributes.status === 'errored' ? cost.attributes['error-message'] : undefined;
  return error ? cleanText(`cost estimate failed: ${error}`, 200) : undefined;
}

/** What one set of policies found. */
export interface PolicyResult {
  kind: string;
  status: string;
  passed: number;
  mandatoryFailed: number;
  advisoryFailed: number;
}

/** Policy checks (Sentinel), and policy evaluations of the run's task stages (OPA, Sentinel as a stage). What can't be read is left out. */
export async function readPolicies(api: TerraformCloudApi, { run, stages }: SeenRun, wait: Waiting): Promise<PolicyResult[]> {
  const results: PolicyResult[] = [];
  if (run.relationships['policy-checks'].data.length > 0) {
    const answer = await api.get(`/runs/${run.id}/policy-checks`, wait);
    for (const { attributes } of listOf(policyCheckSchema, answer.json) ?? []) {
      const { passed, 'hard-failed': hard, 'soft-failed': soft, 'advisory-failed': advisory } = attributes.result;
      const failed = (hard ?? 0) + (soft ?? 0);
      const { status } = attributes;
      results.push({ kind: 'sentinel', status, passed: passed ?? 0, mandatoryFailed: failed, advisoryFailed: advisory ?? 0 });
    }
  }
  for (const stage of stages.filter(({ relationships }) => relationships['policy-evaluations'].data.length > 0)) {
    const answer = await api.get(`/task-stages/${stage.id}/policy-evaluations`, wait);
    for (const { attributes } of listOf(policyEvaluationSchema, answer.json) ?? []) {
      const { passed, 'mandatory-failed': mandatory, 'advisory-failed': advisory, errored } = attributes['result-count'];
      const { status, 'policy-kind': kind } = attributes;
      const failed = (mandatory ?? 0) + (errored ?? 0);
      results.push({ kind, status, passed: passed ?? 0, mandatoryFailed: failed, advisoryFailed: advisory ?? 0 });
    }
  }
  return results;
}

export function policySentence(results: readonly PolicyResult[]): string | undefined {
  const told = results.filter(({ status }) => status !== 'pending' && status !== 'queued');
  if (told.length === 0) return undefined;
  return told
    .map(({ kind, status, passed, mandatoryFailed, advisoryFailed }) => {
      const advisory = advisoryFailed > 0 ? `, ${advisoryFailed} advisory failed` : '';
      return `policies (${words(kind)}) ${words(status)}: ${passed} passed, ${mandatoryFailed} failed${advisory}`;
    })
    .join('; ');
}

/** Run tasks and policies of a stage that did not simply pass. */
export function stageSentence({ stages }: SeenRun): string | undefined {
  const told = stages.filter(({ attributes }) => ['failed', 'errored', 'awaiting_override'].includes(attributes.status));
  return told.length === 0
    ? undefined
    : told.map(({ attributes }) => `tasks of stage ${words(attributes.stage)}: ${words(attributes.status)}`).join('; ');
}
