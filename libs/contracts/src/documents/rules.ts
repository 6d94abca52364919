import type {
  AcrossStrategy,
  DependencyRule,
  GradualRolloutRule,
  RetrySpec,
  Rule,
  TimeoutsSpec,
  VerificationRule,
  WaveSize,
  WaveSpec,
  WithinStrategy,
} from '@slipway/core';
import semver from 'semver';
import { z } from 'zod';
import { durationSchema } from '../durations.js';
import { celField } from './fields.js';
import { metricUseSchema, type MetricUse } from './metric.js';

/** A rule as written: `verification` still names its templates. */
export type WrittenRule = Exclude<Rule, VerificationRule> | { kind: 'verification'; metrics: MetricUse[] };

const WAVES_MAX = 50;
const STEPS_MAX = 50;
const ATTEMPTS_MAX = 100;
const RETRY_DEFAULTS = { attempts: 3, backoff: 'exponential', delayMs: 10_000, maxDelayMs: 300_000, jitter: 0.2 } as const;

const percentField = z.string().regex(/^(100|\d{1,2})%$/, {
  error: (issue) => `${JSON.stringify(issue.input)} is not a percentage; write one from 0% to 100%`,
});
const percentOf = (text: string): number => Number(text.slice(0, -1));

const waveSizeField = z
  .union([z.int().min(1), percentField, z.strictObject({ selector: celField })], {
    error: (issue) =>
      `${JSON.stringify(issue.input)} is not a number of targets; write a count (1), a percentage (50%) or { selector: CEL over resource }`,
  })
  .transform((size): WaveSize =>
    typeof size === 'number' ? { count: size } : typeof size === 'string' ? { percent: percentOf(size) } : size,
  );

const waveSchema = z
  .strictObject({
    name: z.string().min(1).max(40).optional(),
    targets: waveSizeField,
    hold: durationSchema.optional(),
    verify: z.boolean().optional(),
    approve: z.boolean().optional(),
  })
  .transform(({ name, targets, hold, verify, approve }): Omit<WaveSpec, 'name'> & { name?: string } => ({
    ...(name === undefined ? {} : { name }),
    targets,
    holdMs: hold ?? 0,
    // The next wave goes only when this one is verified (SPEC 5); to go on without is what somebody has to write.
    verify: verify ?? true,
    approve: approve ?? false,
  }));

/** The slot that is kept gives a way back within seconds; long enough that a person may notice. */
const KEEP_OLD_MS = 600_000;

const canarySchema = z
  .strictObject({
    steps: z
      .array(
        z.strictObject({
          weight: z.int().min(1).max(100),
          hold: durationSchema.optional(),
          verify: z.boolean().optional(),
        }),
      )
      .min(1, 'is empty; write steps with rising weights, like [{ weight: 10, hold: 5m }, { weight: 50, hold: 10m }]')
      .max(STEPS_MAX),
  })
  .transform(({ steps }): WithinStrategy => {
    const written = steps.map(({ weight, hold, verify }) => ({ weight, holdMs: hold ?? 0, verify: verify ?? true }));
    // Past the last step it takes all of the traffic, as if that had been written.
    const whole = written.at(-1)?.weight === 100 ? [] : [{ weight: 100, holdMs: 0, verify: true }];
    return { type: 'canary', steps: [...written, ...whole] };
  });

const blueGreenSchema = z
  .strictObject({ preview: z.enum(['verify', 'skip']).optional(), keepOld: durationSchema.optional() })
  .transform(({ preview, keepOld }): WithinStrategy => ({
    type: 'blueGreen',
    preview: preview !== 'skip',
    keepOldMs: keepOld ?? KEEP_OLD_MS,
  }));

/** Within one target; `direct` is what holds when none is written. */
const WITHIN = ['direct', 'canary', 'blueGreen'] as const;
const STRATEGIES = ['allAtOnce', 'linear', 'linearNormalized', 'waves'] as const;

const gradualRollout = z
  .strictObject({
    allAtOnce: z.strictObject({}).optional(),
    linear: z.strictObject({ every: durationSchema }).optional(),
    linearNormalized: z.strictObject({ within: durationSchema }).optional(),
    waves: z.array(waveSchema).min(1).max(WAVES_MAX).optional(),
    direct: z.strictObject({}).optional(),
    canary: canarySchema.optional(),
    blueGreen: blueGreenSchema.optional(),
    order: z.array(celField).max(10).optional(),
    maxInFlight: z.int().min(1).optional(),
    failureBudget: z
      .union([z.int().min(0), percentField], {
        error: (issue) => `${JSON.stringify(issue.input)} is not a failure budget; write a count (0) or a percentage (5%)`,
      })
      .optional(),
    bake: durationSchema.optional(),
  })
  .superRefine((rule, context) => {
    for (const axis of [STRATEGIES, WITHIN]) {
      const chosen = axis.filter((strategy) => rule[strategy] !== undefined);
      if (chosen.length > 1)
        context.addIssue({
          code: 'custom',
          path: [chosen[1] as string],
          message: `stands beside ${chosen[0]}; keep one of ${axis.join(', ')}`,
        });
    }
  })
  .transform((rule): GradualRolloutRule => {
    let across: AcrossStrategy = { type: 'allAtOnce' };
    if (rule.linear) across = { type: 'linear', everyMs: rule.linear.every };
    if (rule.linearNormalized) across = { type: 'linearNormalized', withinMs: rule.linearNormalized.within };
    if (rule.waves) across = { type: 'waves', waves: rule.waves.map((wave, i) => ({ ...wave, name: wave.name ?? `wave ${i + 1}` })) };
    const within = rule.canary ?? rule.blueGreen;
    const budget = rule.failureBudget ?? 0;
    return {
      kind: 'gradualRollout',
      across,
      ...(within === undefined ? {} : { within }),
      order: rule.order ?? [],
      ...(rule.maxInFlight === undefined ? {} : { maxInFlight: rule.maxInFlight }),
      failureBudget: typeof budget === 'number' ? { count: budget } : { percent: percentOf(budget) },
      bakeMs: rule.bake ?? 0,
    };
  });

/** `retry` of a deployment or a policy. */
export const retrySchema = z
  .strictObject({
    attempts: z.int().min(1).max(ATTEMPTS_MAX).optional(),
    on: z
      .array(z.enum(['failed', 'timedOut', 'rejected']))
      .min(1)
      .optional(),
    backoff: z.enum(['constant', 'exponential']).optional(),
    delay: durationSchema.optional(),
    max: durationSchema.optional(),
    jitter: z.number().min(0).max(1).optional(),
  })
  .transform((retry): RetrySpec => ({
    attempts: retry.attempts ?? RETRY_DEFAULTS.attempts,
    on: retry.on ?? ['failed', 'timedOut'],
    backoff: retry.backoff ?? RETRY_DEFAULTS.backoff,
    delayMs: retry.delay ?? RETRY_DEFAULTS.delayMs,
    maxDelayMs: Math.max(retry.max ?? RETRY_DEFAULTS.maxDelayMs, retry.delay ?? 0),
    jitter: retry.jitter ?? RETRY_DEFAULTS.jitter,
  }));

/** `timeouts` of a deployment or a policy. */
export const timeoutsSchema = z
  .strictObject({ pickup: durationSchema.optional(), run: durationSchema.optional(), silence: durationSchema.optional() })
  .transform(({ pickup, run, silence }): TimeoutsSpec => ({
    ...(pickup === undefined ? {} : { pickupMs: pickup }),
    ...(run === undefined ? {} : { runMs: run }),
    ...(silence === undefined ? {} : { silenceMs: silence }),
  }));

const approver = z.string().regex(/^(group|user):.+$/, {
  error: (issue) => `${JSON.stringify(issue.input)} is neither a group nor a user; write group:releasers or user:ann`,
});

const kinds = {
  approval: z
    .strictObject({
      required: z.int().min(1).max(100).optional(),
      from: z.array(approver).optional(),
      perGroup: z.boolean().optional(),
      allowAuthor: z.boolean().optional(),
      expiresAfter: durationSchema.optional(),
    })
    .transform((rule) => ({
      kind: 'approval' as const,
      required: rule.required ?? 1,
      from: rule.from ?? [],
      perGroup: rule.perGroup ?? false,
      allowAuthor: rule.allowAuthor ?? false,
      ...(rule.expiresAfter === undefined ? {} : { expiresAfterMs: rule.expiresAfter }),
    })),
  environmentProgression: z
    .strictObject({
      dependsOn: celField,
      mode: z.enum(['all', 'any']).optional(),
      successPercent: z.number().min(0).max(100).optional(),
      soak: durationSchema.optional(),
      maxAge: durationSchema.optional(),
      requireVerified: z.boolean().optional(),
      allowEmpty: z.boolean().optional(),
    })
    .transform((rule) => ({
      kind: 'environmentProgression' as const,
      dependsOn: rule.dependsOn,
      mode: rule.mode ?? ('all' as const),
      successPercent: rule.successPercent ?? 100,
      soakMs: rule.soak ?? 0,
      ...(rule.maxAge === undefined ? {} : { maxAgeMs: rule.maxAge }),
      ...(rule.requireVerified === undefined ? {} : { requireVerified: rule.requireVerified }),
      allowEmpty: rule.allowEmpty ?? false,
    })),
  dependency: z
    .strictObject({
      on: celField,
      version: celField,
      where: z.enum(['sameResource', 'sameEnvironment']).optional(),
      mode: z.enum(['all', 'any']).optional(),
    })
    .transform((rule): DependencyRule => ({
      kind: 'dependency',
      on: rule.on,
      version: rule.version,
      versionIs: semver.validRange(rule.version) === null ? 'cel' : 'range',
      where: rule.where ?? 'sameResource',
      mode: rule.mode ?? 'all',
    })),
  versionSelector: z
    .union([celField, z.strictObject({ selector: celField })], {
      error: 'is neither a CEL expression nor { selector: CEL }; write one over version, like version.tag.startsWith("1.")',
    })
    .transform((rule) => ({ kind: 'versionSelector' as const, selector: typeof rule === 'string' ? rule : rule.selector })),
  window: z
    .strictObject({
      rrule: z.string().min(1).max(1_000),
      duration: durationSchema,
      timezone: z.string().max(100).optional(),
      mode: z.enum(['allow', 'deny']).optional(),
      holidays: z
        .array(
          z.string().regex(/^\d{4}-\d{2}-\d{2}$/, { error: (issue) => `${JSON.stringify(issue.input)} is not a date; write YYYY-MM-DD` }),
        )
        .max(1_000)
        .optional(),
    })
    .transform((rule) => ({
      kind: 'window' as const,
      rrule: rule.rrule,
      durationMs: rule.duration,
      timezone: rule.timezone ?? 'UTC',
      mode: rule.mode ?? ('allow' as const),
      holidays: rule.holidays ?? [],
    })),
  cooldown: z.strictObject({ interval: durationSchema }).transform((rule) => ({ kind: 'cooldown' as const, intervalMs: rule.interval })),
  condition: z
    .strictObject({ cel: celField, message: z.string().min(1).max(500) })
    .transform((rule) => ({ kind: 'condition' as const, ...rule })),
  gradualRollout,
  verification: z
    .array(metricUseSchema)
    .min(1)
    .max(50)
    .transform((metrics) => ({ kind: 'verification' as const, metrics })),
  retry: retrySchema.transform((retry) => ({ kind: 'retry' as const, ...retry })),
  rollback: z
    .strictObject({
      on: z
        .array(z.enum(['jobFailure', 'verificationFailure']))
        .min(1)
        .optional(),
      scope: z.enum(['target', 'rollout']).optional(),
    })
    .transform((rule) => ({
      kind: 'rollback' as const,
      on: rule.on ?? ['jobFailure' as const, 'verificationFailure' as const],
      scope: rule.scope ?? ('target' as const),
    })),
  concurrency: z
    .strictObject({
      max: z.int().min(1),
      per: z
        .union([z.enum(['environment', 'system', 'pool']), z.strictObject({ key: celField })], {
          error: (issue) => `${JSON.stringify(issue.input)} is none of environment, system, pool or { key: CEL over resource }`,
        })
        .optional(),
    })
    .transform((rule) => ({ kind: 'concurrency' as const, max: rule.max, per: rule.per ?? ('environment' as const) })),
  timeouts: timeoutsSchema.transform((timeouts) => ({ kind: 'timeouts' as const, ...timeouts })),
} satisfies Record<Rule['kind'], z.ZodType>;

type RuleKinds = { [K in keyof typeof kinds]: z.ZodOptional<(typeof kinds)[K]> };
const optionalKinds = Object.fromEntries(Object.entries(kinds).map(([kind, schema]) => [kind, schema.optional()])) as RuleKinds;

/** A rule in a document: an object with one key, the rule's kind. */
export const ruleSchema = z
  .strictObject(optionalKinds)
  .meta({ minProperties: 1, maxProperties: 1 })
  .transform((rule, context): WrittenRule => {
    const [only, second] = Object.entries(rule).filter(([, value]) => value !== undefined);
    if (only !== undefined && second === undefined) return only[1] as WrittenRule;
    context.addIssue({
      code: 'custom',
      message:
        only === undefined
          ? `is empty; write one rule, like approval: { required: 1 }`
          : `holds ${only[0]} and ${second?.[0]}; write each rule as an entry of its own`,
    });
    return z.NEVER;
  });
