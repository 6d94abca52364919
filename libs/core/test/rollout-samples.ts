import {
  planRollout,
  type GradualRolloutRule,
  type MemberLetter,
  type Obligations,
  type ResourceDoc,
  type RollbackRule,
  type Rollout,
} from '@slipway/core';

export function resource(identifier: string, metadata: Record<string, string> = {}): ResourceDoc {
  return { identifier, name: identifier, kind: 'host', version: '1', metadata, config: {}, variables: {} };
}

export function obligations(gradual: Partial<GradualRolloutRule> = {}, rollback?: RollbackRule): Obligations {
  return {
    gradualRollout: {
      kind: 'gradualRollout',
      across: { type: 'allAtOnce' },
      order: [],
      failureBudget: { count: 0 },
      bakeMs: 0,
      ...gradual,
    },
    verification: [],
    retry: { attempts: 1, on: [], backoff: 'constant', delayMs: 0, maxDelayMs: 0, jitter: 0 },
    ...(rollback ? { rollback } : {}),
    concurrency: [],
    timeouts: { pickupMs: 600_000, runMs: 600_000, silenceMs: 60_000 },
    spokenBy: {},
  };
}

export const wave = (
  name: string,
  targets: { count: number } | { percent: number } | { selector: string },
  over: { holdMs?: number; approve?: boolean; verify?: boolean } = {},
) => ({
  name,
  targets,
  holdMs: 0,
  verify: true,
  approve: false,
  ...over,
});

export const canaryHalfAll = {
  across: { type: 'waves' as const, waves: [wave('canary', { count: 1 }), wave('half', { percent: 50 }), wave('all', { percent: 100 })] },
};

export function plan(
  targets: number | ResourceDoc[],
  gradual: Partial<GradualRolloutRule> = {},
  rollback?: RollbackRule,
  versionId = 'v2',
): Rollout {
  return planRollout({
    id: 'r1',
    deployment: 'checkout',
    environment: 'production',
    versionId,
    version: '2.0.0',
    targets: typeof targets === 'number' ? Array.from({ length: targets }, (_, i) => resource(`host-${i}`)) : targets,
    obligations: obligations(gradual, rollback),
    now: 0,
  });
}

export const LIVE: readonly MemberLetter[] = ['j', 'v'];

export const live = (rollout: Rollout): number => [...rollout.members].filter((l) => (LIVE as string[]).includes(l)).length;
