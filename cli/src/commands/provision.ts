import { join } from 'node:path';
import { connectNats, formatDrift, provision } from '@slipway/messaging';
import { createLog } from '@slipway/runtime';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { findServer, type WhereOptions } from '../where.js';

/** `provision`: streams and consumers as declared; shows a drift, refuses what is immutable. */
export function provisionCommand(program: Command, cli: Cli): void {
  program
    .command('provision')
    .description('bring streams and consumers about as declared; needs the provision credentials')
    .option('--replicas <n>', 'copies of each stream: 1 on a single server, 3 on a cluster', Number, 1)
    .option('--dry-run', 'only show what differs', false)
    .action(async (options: { replicas: number; dryRun: boolean }) => {
      await cli.runLocal(async (output) => {
        const where = findServer(program.opts<WhereOptions>(), process.env, process.cwd());
        const beside = where.toldBy.endsWith('state.json') ? join(where.toldBy, '..', 'creds', 'provision.creds') : where.credsFile;
        const log = createLog('provision', { level: 'warn' });
        const nc = await connectNats({
          servers: where.servers.split(','),
          creds: { file: beside },
          name: 'provision',
          log,
          whenRefused: 'close',
          waitForServer: false,
        });
        try {
          const report = await provision(nc, options);
          const changed = report.changed.map((drift) => `~ ${formatDrift(drift)}`);
          output.result(report, () =>
            [
              ...report.created.map((name) => `+ ${name}`),
              ...changed,
              `${report.created.length} made, ${report.changed.length} changed, ${report.unchanged.length} as declared`,
            ].join('\n'),
          );
        } finally {
          await nc.close();
        }
      });
    });
}
