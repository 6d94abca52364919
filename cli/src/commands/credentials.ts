import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SlipwayError, parseDuration } from '@slipway/core';
import { createTrust, writeCredentials } from '@slipway/messaging';
import { Option, type Command } from 'commander';
import type { Cli } from '../cli.js';
import { DATA_DIRECTORY, type WhereOptions } from '../where.js';

const ROLES = ['viewer', 'operator', 'approver', 'admin'];

interface CredentialOptions {
  out: string;
  trust?: string;
  expires?: string;
  role?: string;
  group?: string[];
  deployment?: string[];
}

/** `credential person|ci|ops`: sign a credential where the trust's keys are; nothing is asked of a server. */
export function credentialCommands(program: Command, cli: Cli): void {
  const credential = program.command('credential').description('sign credentials for people, CI and ops; needs the folder with the keys');
  const kind = (name: string, about: string): Command =>
    credential
      .command(name)
      .description(about)
      .argument('<name>', 'who holds it, like ann or github-checkout')
      .requiredOption('--out <file>', 'credentials file to write, readable by its owner only')
      .option('--trust <folder>', 'folder with the keys (default: keys/ of the data directory)')
      .option('--expires <duration>', 'like 90d; never when left out');

  kind('person', 'a person: asks by the slipway command, and every request is signed')
    .addOption(new Option('--role <role>', 'what they may do; each includes those before it').choices(ROLES).default('viewer'))
    .option('--group <names...>', 'groups that approval rules may name')
    .action((name: string, options: CredentialOptions) =>
      sign('person', name, options, [`role:${options.role ?? 'viewer'}`, ...(options.group ?? []).map((group) => `group:${group}`)]),
    );
  kind('ci', 'a pipeline: publishes versions of its deployments and can do nothing else')
    .requiredOption('--deployment <names...>', 'deployments whose versions it may publish')
    .action((name: string, options: CredentialOptions) =>
      sign(
        'ci',
        name,
        options,
        (options.deployment ?? []).map((deployment) => `deployment:${deployment}`),
      ),
    );
  kind('ops', 'an operator with the nats CLI: sees everything, changes nothing').action((name: string, options: CredentialOptions) =>
    sign('ops', name, options, []),
  );

  const sign = (role: 'person' | 'ci' | 'ops', name: string, options: CredentialOptions, tags: string[]): Promise<void> =>
    cli.runLocal(async (output) => {
      const folder = options.trust ?? join(program.opts<WhereOptions>().directory ?? DATA_DIRECTORY, 'keys');
      if (!existsSync(join(folder, 'signers'))) {
        throw new SlipwayError({
          code: 'cli.trust.missing',
          kind: 'missing',
          message: `there are no keys in ${folder}; name the folder with --trust`,
        });
      }
      const trust = await createTrust(folder);
      const minted = await trust.mintUser({ role, name, tags, ...(options.expires ? { expiresInMs: durationOf(options.expires) } : {}) });
      writeCredentials(options.out, minted.creds ?? '');
      const result = {
        file: options.out,
        role,
        name,
        tags,
        publicKey: minted.publicKey,
        ...(minted.expiresAt === undefined ? {} : { expiresAt: minted.expiresAt }),
      };
      output.result(result, () => `${options.out} is the credential of ${name} (${[role, ...tags].join(', ')})`);
    });
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new SlipwayError(
      { code: 'cli.duration.invalid', kind: 'invalid', message: `--expires: ${(error as Error).message}` },
      { cause: error },
    );
  }
}
