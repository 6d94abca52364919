import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresServer } from '@slipway/persistence';
import { HERE } from '../bench-mesh.js';
import type { PeerName, PeerResult, PeerTask } from './peer.js';

export const PEERS: readonly PeerName[] = ['graphile-worker defaults', 'graphile-worker with result rows', 'pg-boss 20×8', 'pg-boss 500×2'];

/** Run one peer in a process of its own, on a new database of this server that is dropped afterwards. */
export async function runPeer(server: PostgresServer, peer: PeerName, jobs: number, singles: number): Promise<PeerResult> {
  const database = `peer_${randomBytes(6).toString('hex')}`;
  await administer(server.adminUrl, `create database ${database}`);
  try {
    const url = new URL(server.adminUrl);
    url.pathname = `/${database}`;
    return await inProcess({ peer, connectionString: url.href, jobs, singles, postgresPid: server.pid });
  } finally {
    await administer(server.adminUrl, `drop database ${database} with (force)`);
  }
}

function inProcess(task: PeerTask): Promise<PeerResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(HERE, 'peers', 'main.js'), JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve(JSON.parse(output) as PeerResult);
      else reject(new Error(`${task.peer} ended with code ${code}`));
    });
  });
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}
