import { dirname, join } from 'node:path';
import { connectNats, listDeadLetters, readDeadLetter, replayDeadLetter, type BuriedMessage } from '@slipway/messaging';
import { createLog } from '@slipway/runtime';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { moment } from '../render/when.js';
import { columns } from '../terminal.js';
import { findServer, type WhereOptions } from '../where.js';

const LISTED_DEFAULT = 50;

/** `dlq list|show|replay`: messages that nobody could handle, whole and with the reason. */
export function deadLetterCommands(program: Command, cli: Cli): void {
  const dlq = program.command('dlq').description('dead letters: messages that nobody could handle, whole and with the reason');
  dlq
    .command('list')
    .description('newest last')
    .option('--limit <n>', 'how many', Number, LISTED_DEFAULT)
    .option('--after <id>', 'only later ones', Number)
    .action(async (options: { limit: number; after?: number }) => {
      await cli.run(async ({ nats, output, now }) => {
        const letters = await listDeadLetters(nats, options);
        output.result(letters, () =>
          letters.length === 0
            ? 'No dead letters.'
            : columns(
                letters.map((letter) => [
                  String(letter.id),
                  moment(Date.parse(letter.at), now()),
                  `${letter.stream}/${letter.consumer}`,
                  letter.subject,
                  `${letter.error.code}: ${letter.error.message}`,
                ]),
              ),
        );
      });
    });
  dlq
    .command('show')
    .description('one dead letter, whole')
    .argument('<id>', 'as dlq list shows it', Number)
    .action(async (id: number) => {
      await cli.run(async ({ nats, output }) => {
        const letter = await readDeadLetter(nats, id);
        output.result(letter, () => whole(letter));
      });
    });
  dlq
    .command('replay')
    .description('put it back where it came from, once what was wrong is mended; needs the replay credentials')
    .argument('<id>', 'as dlq list shows it', Number)
    .action(async (id: number) => {
      await cli.runLocal(async (output) => {
        const where = findServer(program.opts<WhereOptions>(), process.env, process.cwd());
        const creds = where.toldBy.endsWith('state.json') ? join(dirname(where.toldBy), 'creds', 'replay.creds') : where.credsFile;
        const nats = await connectNats({
          servers: where.servers.split(','),
          creds: { file: creds },
          name: 'replay',
          log: createLog('replay', { level: 'warn' }),
          whenRefused: 'close',
          waitForServer: false,
        });
        try {
          const back = await replayDeadLetter(nats, id);
          output.result(back, () => `dead letter ${id} is back on ${back.subject} as message ${back.sequence}`);
        } finally {
          await nats.close();
        }
      });
    });
}

function whole(letter: BuriedMessage): string {
  return [
    `dead letter ${letter.id}  ${letter.stream}/${letter.consumer}  message ${letter.sequence} on ${letter.subject}`,
    `${letter.error.code}: ${letter.error.message}`,
    '',
    letter.text ?? (letter.base64 ? `(not text) ${letter.base64}` : '(too large to keep; read it from its stream)'),
  ].join('\n');
}
