import type { NatsConnection } from '@nats-io/transport-node';
import { requestOnline } from './connection-loss.js';

/*
 * The queue of jobs is a stream with limits, not a work queue: there the server removes every acknowledged message by itself, with a flush to disk each,
 * which costs as much as all else that happens to a job's messages. Here acknowledged invitations stay until a sweep takes all of them away at once. One that
 * comes again, because a server forgot what was acknowledged, can only lead to another claim.
 */

const TIMEOUT_MS = 5_000;

interface ConsumerPage {
  total: number;
  offset: number;
  consumers?: { config: { filter_subject?: string }; ack_floor: { stream_seq: number } }[];
  error?: { description: string };
}

interface Purged {
  purged?: number;
  error?: { description: string };
}

/** Remove what the consumers of this stream, each with one filter of its own, have acknowledged without a gap; gives how many messages. Safe in several copies. */
export async function sweepQueue(nc: NatsConnection, stream: string): Promise<number> {
  const ask = async <T extends { error?: { description: string } }>(verb: string, request: object): Promise<T> => {
    const answer = (await requestOnline(nc, `$JS.API.${verb}.${stream}`, JSON.stringify(request), { timeout: TIMEOUT_MS })).json<T>();
    if (answer.error) throw new Error(`${verb} of ${stream}: ${answer.error.description}`);
    return answer;
  };
  let purged = 0;
  for (let offset = 0; ;) {
    const page = await ask<ConsumerPage>('CONSUMER.LIST', { offset });
    for (const { config, ack_floor: floor } of page.consumers ?? []) {
      if (config.filter_subject === undefined || floor.stream_seq === 0) continue;
      purged += (await ask<Purged>('STREAM.PURGE', { filter: config.filter_subject, seq: floor.stream_seq + 1 })).purged ?? 0;
    }
    offset += page.consumers?.length ?? 0;
    if ((page.consumers?.length ?? 0) === 0 || offset >= page.total) return purged;
  }
}
