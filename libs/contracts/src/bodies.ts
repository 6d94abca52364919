import type { z } from 'zod';
import { ciVersionSchema } from './ci-messages.js';
import { numberedDecisionSchema } from './decisions.js';
import { agentEnrolledSchema } from './enrolment.js';
import { releaseEventSchema } from './facts.js';
import { standingFactSchema } from './facts-of-people.js';
import { inventoryChangeSchema } from './feed.js';
import { jobReportSchema } from './reports.js';
import { streams } from './streams.js';

/** What stands in the body of a message that a consumer of ours takes, by its subject; the first pattern that matches. */
const BODIES: readonly { pattern: string[]; schema: z.ZodType }[] = [
  body('slipway.ci.version.*', ciVersionSchema),
  ...['system', 'environment', 'deployment', 'resource', 'policy', 'metric', 'variableSet', 'version', 'targets'].map((kind) =>
    body(`slipway.evt.${kind}.>`, inventoryChangeSchema),
  ),
  body('slipway.evt.agent.*.enrolled', agentEnrolledSchema),
  body('slipway.evt.release.>', releaseEventSchema),
  body('slipway.evt.decision.>', numberedDecisionSchema),
  ...['freeze', 'pin'].map((kind) => body(`slipway.evt.${kind}.>`, standingFactSchema)),
  body('slipway.agt.*.job.>', jobReportSchema),
];

const STREAM_PATTERNS = streams.flatMap(({ name, subjects }) => subjects.map((pattern) => ({ name, pattern: pattern.split('.') })));

function body(pattern: string, schema: z.ZodType): { pattern: string[]; schema: z.ZodType } {
  return { pattern: pattern.split('.'), schema };
}

/** The schema of a message's body, or undefined when nothing of ours takes such messages. */
export function bodySchemaOf(subject: string): z.ZodType | undefined {
  const tokens = subject.split('.');
  return BODIES.find(({ pattern }) => tokensMatch(pattern, tokens))?.schema;
}

/** The stream that stores this subject; undefined: none does, it is a plain message. */
export function streamOf(subject: string): string | undefined {
  const tokens = subject.split('.');
  return STREAM_PATTERNS.find(({ pattern }) => tokensMatch(pattern, tokens))?.name;
}

/** NATS subject matching: `*` is one token, `>` one or more at the end. */
export function subjectMatches(pattern: string, subject: string): boolean {
  return tokensMatch(pattern.split('.'), subject.split('.'));
}

/** Asked several times of every message: allocates nothing. */
function tokensMatch(pattern: readonly string[], tokens: readonly string[]): boolean {
  for (let at = 0; at < pattern.length; at += 1) {
    const want = pattern[at];
    if (want === '>') return tokens.length > at;
    if (tokens[at] === undefined || (want !== '*' && want !== tokens[at])) return false;
  }
  return tokens.length === pattern.length;
}
