import { z } from 'zod';
import { slugSchema } from './names.js';

/*
 * All that waits for a person, in one shape, whoever owns it: the scheduler answers for what runs, the policy service for what may go. Whoever asks
 * both puts the lists together with `oldestFirst`.
 */

export const inboxItemSchema = z.object({
  kind: z.enum([
    /** A version waits for somebody's approval. */
    'approval',
    /** A rule cannot be judged. */
    'undecided',
    /** A wave waits to be let in. */
    'waveApproval',
    /** A verification came to no verdict. */
    'inconclusive',
    /** Nobody knows what became of a job. */
    'unknown',
    /** A rollout, or a target that could not be brought back, goes no further. */
    'halted',
    'paused',
    /** A run asks: to be confirmed here, or for an act in the executor's own system. */
    'actionRequired',
    /** A rollout cannot be planned. */
    'unplannable',
  ]),
  system: z.string(),
  deployment: z.string(),
  environment: z.string(),
  version: z.string().optional(),
  resource: z.string().optional(),
  /** How many targets wait for it. */
  targets: z.int().optional(),
  /** What waits, and why, in plain words. */
  sentence: z.string(),
  since: z.number(),
  /** What can be done about it: commands, exactly as they are typed but for what stands in `<…>` or between `|`. */
  asks: z.array(z.string()),
  /** Where to act, when not here. */
  link: z.string().optional(),
  rollout: z.string().optional(),
  job: z.string().optional(),
});
export type InboxItem = z.infer<typeof inboxItemSchema>;

export const inboxRequestSchema = z.object({
  system: slugSchema.optional(),
  deployment: slugSchema.optional(),
  environment: slugSchema.optional(),
});
export const inboxReplySchema = z.object({
  items: z.array(inboxItemSchema),
  /** How many more there are than one answer holds; the oldest are in it. */
  more: z.int(),
});

/** The most items of one answer: more than anybody reads. */
export const INBOX_MAX = 500;

/** Who waits longest comes first; at one time by name, so that the order is the same every time. */
export function oldestFirst(items: readonly InboxItem[]): InboxItem[] {
  const name = ({ kind, deployment, environment, resource = '', job = '' }: InboxItem): string =>
    `${deployment}/${environment}/${resource}/${kind}/${job}`;
  return [...items].sort((a, b) => a.since - b.since || (name(a) < name(b) ? -1 : 1));
}

/** What one service answers with: the oldest, and how many are left out. */
export function inboxReply(items: readonly InboxItem[]): z.infer<typeof inboxReplySchema> {
  return { items: oldestFirst(items).slice(0, INBOX_MAX), more: Math.max(0, items.length - INBOX_MAX) };
}
