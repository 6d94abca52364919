import type { z } from 'zod';
import { ciVersionSchema } from './ci-messages.js';
import { numberedDecisionSchema } from './decisions.js';
import { releaseEventSchema } from './facts.js';
import { inventoryChangeSchema } from './feed.js';
import { jobReportSchema } from './reports.js';
import { streams } from './streams.js';

/** What stands in the body of a message that a consumer of ours takes, by its subject; the first pattern that matches. */
const BODIES: readonly (readonly [pattern: string, schema: z.ZodType])[] = [
  ['slipway.ci.version.*', ciVersionSchema],
  ...['system', 'environment', 'deployment', 'resource', 'policy', 'metric', 'version', 'targets'].map(
    (kind) => [`slipway.evt.${kind}.>`, inventoryChangeSchema] as const,
  ),
  ['slipway.evt.release.>', releaseEventSchema],
  ['slipway.evt.decision.>', numberedDecisionSchema],
  ['slipway.agt.*.job.>', jobReportSchema],
];

/** The schema of a message's body, or undefined when nothing of ours takes such messages. */
export function bodySchemaOf(subject: string): z.ZodType | undefined {
  return BODIES.find(([pattern]) => subjectMatches(pattern, subject))?.[1];
}

/** The stream that stores this subject; undefined: none does, it is a plain message. */
export function streamOf(subject: string): string | undefined {
  return streams.find((stream) => stream.subjects.some((pattern) => subjectMatches(pattern, subject)))?.name;
}

/** NATS subject matching: `*` is one token, `>` one or more at the end. */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [i, want] of wanted.entries()) {
    if (want === '>') return tokens.length > i;
    if (tokens[i] === undefined || (want !== '*' && want !== tokens[i])) return false;
  }
  return tokens.length === wanted.length;
}
