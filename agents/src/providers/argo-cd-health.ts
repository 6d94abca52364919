import { argoCdHealthProviderSchema } from '@slipway/contracts';
import type { Json } from '@slipway/core';
import { ArgoCdApi, argoCdClient } from '../executors/argo-cd/api.js';
import { lastOperation, reconciledAt, revisionsOf, timeOf, type Application } from '../executors/argo-cd/application.js';
import { cleanText, printable } from '../text.js';
import { Interrupted } from '../vendor/failures.js';
import type { VendorClients } from '../vendor/vendor-clients.js';
import type { Probe, Provider } from './provider.js';

const TIMEOUT_MS = 10_000;
const LIST_MAX = 50;

/**
 * Reads an Application; `result` is `{ health, sync, revision, revisions, operation, reconciledAt, images, conditions }`. What Argo CD has not
 * compared since its last operation is no data, since it may be the state before. An Application that is not there is an error.
 */
export function argoCdHealthProvider(clients: VendorClients): Provider {
  return {
    type: 'argoCdHealth',
    validate(config) {
      const parsed = argoCdHealthProviderSchema.safeParse(config);
      return parsed.success
        ? undefined
        : parsed.error.issues.map((issue) => `provider.${issue.path.join('.')} ${issue.message}`).join('; ');
    },
    secretReferences: (config) => ({ token: argoCdHealthProviderSchema.parse(config).token }),
    reaches: (config) => ({ servers: [new URL(argoCdHealthProviderSchema.parse(config).server).origin] }),
    async probe(config, context): Promise<Probe> {
      const parsed = argoCdHealthProviderSchema.parse(config);
      const timeoutMs = parsed.timeout ?? TIMEOUT_MS;
      const over = new AbortController();
      const stopTimer = context.timers.after(timeoutMs, () => over.abort());
      let reason = '';
      try {
        const wait = { signal: AbortSignal.any([over.signal, context.signal]), waiting: (because: string) => void (reason = because) };
        const api = new ArgoCdApi(argoCdClient(clients, parsed, context.secrets['token'] ?? ''), parsed.application, wait);
        return judge(await orStopped(api.read(), wait.signal));
      } catch (error) {
        const late = error instanceof Interrupted ? `no answer within ${timeoutMs / 1_000} s` : (error as Error).message;
        return { error: `${parsed.server}: ${late}${error instanceof Interrupted && reason !== '' ? `: ${reason}` : ''}` };
      } finally {
        stopTimer();
      }
    },
  };
}

/** A request that is under way is not torn off; nobody waits for it any longer. */
const orStopped = <T>(asked: Promise<T>, signal: AbortSignal): Promise<T> =>
  Promise.race([
    asked,
    new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Interrupted()), { once: true })),
  ]);

function judge(app: Application): Probe {
  const { status } = app;
  if (reconciledAt(app) === -Infinity) return { noData: 'Argo CD has not compared the Application yet' };
  const finishedAt = timeOf(status.operationState?.finishedAt);
  if (finishedAt !== undefined && reconciledAt(app) < finishedAt)
    return { noData: 'Argo CD has not compared the Application since its last operation' };
  const revisions = revisionsOf(status.sync).slice(0, LIST_MAX);
  const last = lastOperation(app);
  return {
    result: clean({
      health: status.health?.status ?? 'Unknown',
      sync: status.sync?.status ?? 'Unknown',
      revision: revisions[0] ?? null,
      revisions: [...revisions],
      operation: last ? (last.state?.phase ?? 'Pending') : null,
      reconciledAt: status.reconciledAt ?? null,
      images: (status.summary?.images ?? []).slice(0, LIST_MAX),
      conditions: status.conditions.slice(0, LIST_MAX).map(({ type = '', message = '' }) => ({ type, message: cleanText(message, 500) })),
    }),
  };
}

const clean = (value: Json): Json =>
  JSON.parse(JSON.stringify(value, (_key, one: unknown) => (typeof one === 'string' ? printable(one) : one))) as Json;
