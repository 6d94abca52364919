import { z } from 'zod';
import { parseTime } from './times.js';

/*
 * What stands in a file of cases. Every object is strict: a misspelt key in a case is an error, or the case would prove nothing.
 */

const time = z.string().transform((text, context) => {
  try {
    return parseTime(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

/** `checkout 1.2.1`. */
const release = z
  .string()
  .regex(/^[a-z0-9-]+ \S+$/, 'write deployment and tag, like checkout 1.2.1')
  .transform((text) => {
    const [deployment = '', tag = ''] = text.split(' ');
    return { deployment, tag };
  });
const oneOrMore = z.union([z.string().transform((one) => [one]), z.array(z.string()).min(1)]);
const person = { by: z.string(), groups: z.array(z.string()).default(['releasers']) };
const atTargets = { in: z.string(), on: oneOrMore.optional() };
const document = z.looseObject({ kind: z.string() });

const published = z.strictObject({
  at: time,
  publish: release,
  author: z.string().optional(),
  status: z.enum(['building', 'ready', 'failed']).optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  config: z.record(z.string(), z.json()).optional(),
  dependsOn: z.array(z.strictObject({ deployment: z.string(), range: z.string() })).optional(),
});

/** Something that happened, as it can be brought about in the running services. */
const happening = z.union([
  published,
  z.strictObject({ at: time, started: release, ...atTargets }),
  z.strictObject({ at: time, succeeded: release, ...atTargets }),
  z.strictObject({ at: time, failed: release, ...atTargets }),
  z.strictObject({ at: time, failedVerification: release, ...atTargets }),
  z.strictObject({ at: time, rolledBack: release, ...atTargets }),
  z.strictObject({ at: time, releaseQuarantine: release, ...atTargets, ...person }),
  z.strictObject({ at: time, approve: release, for: z.string(), ...person }),
  z.strictObject({ at: time, reject: release, for: z.string(), reason: z.string(), ...person }),
  z.strictObject({ at: time, withdraw: release, for: z.string(), ...person }),
  z.strictObject({ at: time, makeVersion: release, is: z.enum(['ready', 'failed', 'rejected', 'paused']), reason: z.string(), ...person }),
  z.strictObject({ at: time, pin: release, ...atTargets, reason: z.string(), until: time.optional(), ...person }),
  z.strictObject({ at: time, unpin: z.string(), ...atTargets, ...person }),
  z.strictObject({ at: time, freeze: z.string(), reason: z.string(), until: time, allowRollback: z.boolean().optional(), ...person }),
  z.strictObject({ at: time, unfreeze: z.string(), ...person }),
  z.strictObject({
    ...{ at: time, override: z.string(), of: release, in: z.string(), on: z.string().optional() },
    ...{ reason: z.string(), until: time, ...person },
  }),
  z.strictObject({ at: time, liftOverride: z.string(), of: release, ...person }),
  z.strictObject({ at: time, apply: z.array(document).min(1) }),
  z.strictObject({ at: time, policies: z.literal('apply') }),
]);

const verdict = z.enum(['allowed', 'waiting', 'undecided', 'denied']);
/** `none`: time alone changes nothing. */
const timeOrNone = z.union([z.literal('none'), time]);

const ruleExpectation = z.strictObject({
  rule: z.string(),
  /** Which policy's; needed where two policies have the rule. */
  policy: z.string().optional(),
  /** At which target; needed where targets differ. */
  on: z.string().optional(),
  verdict,
  /** Exact, but that `*` stands for anything (ids that differ from run to run). */
  says: z.string().optional(),
  needs: z.string().optional(),
  ask: z.string().optional(),
  since: time.optional(),
  reevaluateAt: timeOrNone.optional(),
  overriddenBy: z.string().optional(),
});

const expectation = z.strictObject({
  verdict,
  /** Verdict by target, where they differ: all targets, no more. */
  targets: z.record(z.string(), verdict).optional(),
  /** Each must be found; with `onlyRules` there are no others. */
  rules: z.array(ruleExpectation).optional(),
  onlyRules: z.literal(true).optional(),
  because: z.array(z.string()).optional(),
  unblocks: z.array(z.string()).optional(),
  reevaluateAt: timeOrNone.optional(),
  /** Part of the obligations at `on`, or of all targets. */
  obligations: z.record(z.string(), z.json()).optional(),
});

const policy = z.looseObject({ name: z.string(), rules: z.array(z.json()) });

const decided = z.strictObject({
  case: z.string(),
  teaches: z.string().min(20),
  /** Documents that stand beside, or instead of, those of world.yaml. */
  documents: z.array(document).optional(),
  /** The rules of one policy for production, or whole policies. */
  rules: z.array(z.json()).optional(),
  policies: z.array(policy).optional(),
  judge: z.strictObject({ version: release, in: z.string() }).optional(),
  history: z.array(happening).optional(),
  at: time,
  expect: expectation,
  /** Later moments of the same story. */
  then: z.array(z.strictObject({ at: time, history: z.array(happening).optional(), expect: expectation })).optional(),
  only: z.literal('pure').optional(),
  /** Why it cannot be brought about in running services. */
  because: z.string().optional(),
});

const refused = z.strictObject({
  case: z.string(),
  teaches: z.string().min(20),
  documents: z.array(document).optional(),
  rules: z.array(z.json()).optional(),
  policies: z.array(policy).optional(),
  /** Every problem, `Policy/production  rules[0].approval.requird: …`; `*` stands for anything. */
  refused: z.array(z.string()).min(1),
});

const warned = refused.omit({ refused: true }).extend({
  /** Saved, with these warnings. */
  warns: z.array(z.string()).min(1),
});

/** What happened, and when it is looked at: the situations of docs/rules. */
export const storySchema = z.strictObject({ history: z.array(happening).optional(), at: time });

export const caseFileSchema = z.strictObject({
  topic: z.string(),
  about: z.string(),
  cases: z.array(z.union([decided, refused, warned])).min(1),
});

export type Happening = z.output<typeof happening>;
export type HappeningOf<K extends string> = Extract<Happening, Record<K, unknown>>;
export type DecidedCase = z.output<typeof decided>;
export type RefusedCase = z.output<typeof refused>;
export type WarnedCase = z.output<typeof warned>;
export type Case = DecidedCase | RefusedCase | WarnedCase;
export type Expectation = z.output<typeof expectation>;
export type RuleExpectation = z.output<typeof ruleExpectation>;
export type CaseFile = z.output<typeof caseFileSchema>;
