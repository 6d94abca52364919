import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';

/*
 * A TCP proxy in front of a real server, to break its link the ways networks do.
 *
 * open      passes everything on, after `latencyMs` each way
 * cut       existing connections are reset, new ones refused at once
 * halfOpen  nothing is passed on in either direction and nobody is told: the peer looks alive and is silent
 */
export type LinkMode = 'open' | 'cut' | 'halfOpen';

export interface Proxy {
  port: number;
  url: string;
  /** Change how the link behaves, for the connections there are and for new ones. */
  set(mode: LinkMode, options?: { latencyMs?: number }): void;
  /** How many connections have been made through it so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** A proxy on a free port of the loopback interface to a port of it; `url` has the given scheme. */
export async function startProxy(target: { port: number; scheme?: string }): Promise<Proxy> {
  const state = { mode: 'open' as LinkMode, latencyMs: 0 };
  const pairs = new Set<{ near: Socket; far: Socket }>();
  let connections = 0;

  const server = createServer((near) => {
    if (state.mode === 'cut') {
      near.resetAndDestroy();
      return;
    }
    connections += 1;
    const far = connect({ host: '127.0.0.1', port: target.port });
    const pair = { near, far };
    pairs.add(pair);
    pipe(near, far, state);
    pipe(far, near, state);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    port,
    url: `${target.scheme ?? 'nats'}://127.0.0.1:${port}`,
    get connections() {
      return connections;
    },
    set(mode, options = {}) {
      state.mode = mode;
      state.latencyMs = options.latencyMs ?? 0;
      if (mode === 'cut') for (const { near, far } of pairs) for (const socket of [near, far]) socket.resetAndDestroy();
    },
    close() {
      for (const { near, far } of pairs) for (const socket of [near, far]) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Bytes that pass while the link is half-open are gone, as they are in a network; the order is kept whatever the latency. */
function pipe(from: Socket, to: Socket, state: { mode: LinkMode; latencyMs: number }): void {
  from.on('data', (chunk) => {
    if (state.mode !== 'open') return;
    if (state.latencyMs === 0) to.write(chunk);
    else setTimeout(() => to.writable && to.write(chunk), state.latencyMs);
  });
}
