import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/core';

/** Distance between two places where the quickstart's ports may lie. */
const SHIFT_STEP = 1_000;
const SHIFTS_TRIED = 20;
/** Services listen this far above their host's port (portOffset in shop.yaml). */
const OFFSETS = [1, 2];
const PORT = /\bport: (\d+)/g;

/**
 * How far the ports of the quickstart's hosts are moved on this machine. Chosen once for a data directory, since what runs there has them in
 * its config: the wanted shift, else the first at which every port is free.
 */
export async function choosePortShift(
  directory: string,
  documents: string,
  wanted: number | undefined,
  progress: (line: string) => void,
): Promise<number> {
  const file = join(directory, 'host-ports.json');
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { shift: number }).shift;
  const ports = [...documents.matchAll(PORT)].flatMap(([, port]) => OFFSETS.map((offset) => Number(port) + offset));
  const candidates = wanted === undefined ? Array.from({ length: SHIFTS_TRIED }, (_, i) => i * SHIFT_STEP) : [wanted];
  for (const shift of candidates) {
    const taken = await firstTaken(ports.map((port) => port + shift));
    if (taken === undefined) {
      writeFileSync(file, JSON.stringify({ shift }));
      return shift;
    }
    progress(`port ${taken} is in use by another program, so the quickstart's hosts cannot have the ports around it`);
  }
  throw new SlipwayError({
    code: 'cli.up.portsTaken',
    kind: 'conflict',
    message: `cannot find free ports for the quickstart's hosts (${Math.min(...ports)} to ${Math.max(...ports)} and above); free some, choose --port-shift, or start with --no-quickstart`,
  });
}

/** The documents with every host's port moved. */
export function shiftPorts(documents: string, shift: number): string {
  return documents.replace(PORT, (_, port: string) => `port: ${Number(port) + shift}`);
}

async function firstTaken(ports: readonly number[]): Promise<number | undefined> {
  for (const port of ports) if (!(await isFree(port))) return port;
  return undefined;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
