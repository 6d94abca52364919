import type { Log } from './ports.js';

/** A process that has not ended by then is ended: who stops it (systemd, Kubernetes, `slipway up`) would soon do worse. */
const SHUTDOWN_MAX_MS = 15_000;

/**
 * On SIGTERM or SIGINT run `stop` once and end with 0; a second signal, or a stop that takes too long, ends at once with 1. An unhandled
 * error is logged and stops the process the same way with 1: what died half is better restarted. Gives a function that does the same.
 */
export function onShutdown(log: Log, stop: () => Promise<void>): (because: string, code?: number) => void {
  let stopping = false;
  const shutdown = (because: string, code = 0): void => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info('stopping', { because });
    setTimeout(() => {
      log.error('did not stop in time', { afterMs: SHUTDOWN_MAX_MS });
      process.exit(1);
    }, SHUTDOWN_MAX_MS).unref();
    stop().then(
      () => {
        log.info('stopped');
        process.exit(code);
      },
      (error: unknown) => {
        log.error('stopping failed', { error });
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => shutdown(signal));
  const fatal = (error: unknown): void => {
    log.error('unhandled error', { error });
    shutdown('unhandled error', 1);
  };
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  return shutdown;
}
