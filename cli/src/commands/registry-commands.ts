import type { DocumentChange, ReplyOf } from '@slipway/contracts';
import { SlipwayError } from '@slipway/core';
import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import { DIFFERENT_EXIT_CODE, readDocuments } from '../documents.js';
import { renderVariables } from '../render/variables.js';
import { columns, type Paint } from '../terminal.js';

/** `apply`, `diff`, `variables`, `version publish|list|reject|pause|ready`. */
export function registryCommands(program: Command, cli: Cli): void {
  program
    .command('apply')
    .description('apply YAML documents, all or nothing')
    .argument('[paths...]', 'files or folders')
    .option('-f, --file <path...>', 'files or folders; - reads standard input')
    .action(async (paths: string[], options: { file?: string[] }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('registry.apply', { files: readDocuments([...paths, ...(options.file ?? [])]), dryRun: false });
        output.result(reply, () => renderChanges(reply, output.paint, 'applied'));
      });
    });

  program
    .command('diff')
    .description('show what apply would change; exits 0 when nothing, 10 when something')
    .argument('[paths...]', 'files or folders')
    .option('-f, --file <path...>', 'files or folders; - reads standard input')
    .action(async (paths: string[], options: { file?: string[] }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('registry.apply', { files: readDocuments([...paths, ...(options.file ?? [])]), dryRun: true });
        output.result(reply, () => renderChanges(reply, output.paint, 'would change'));
        return reply.changes.some((change) => change.verb !== 'unchanged') ? DIFFERENT_EXIT_CODE : 0;
      });
    });

  program
    .command('variables')
    .description('the variables of a deployment at a target: who gives each its value, and who would have')
    .argument('<deployment>')
    .requiredOption('-e, --environment <name>')
    .option('-r, --resource <identifier>', 'may be left out where there is only one')
    .action(async (deployment: string, options: { environment: string; resource?: string }) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('registry.variables', { deployment, ...options });
        output.result(reply, () => renderVariables(reply, output.paint));
        return reply.variables.some((variable) => variable.problem !== undefined) ? FAILED_EXIT_CODE : 0;
      });
    });

  const version = program.command('version').description('versions of a deployment');
  version
    .command('publish')
    .description('record a version, as CI does; the same tag with the same payload is the same version')
    .argument('<deployment>')
    .argument('<tag>')
    .option('--name <name>')
    .option('--message <text>')
    .option('--author <who>')
    .option('--status <status>', 'building, ready or failed', 'ready')
    .option('--config <json>', 'JSON object', '{}')
    .option('--metadata <key=value...>')
    .action(async (deployment: string, tag: string, options: PublishOptions) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('registry.publishVersion', {
          deployment,
          version: {
            tag,
            ...(options.name ? { name: options.name } : {}),
            ...(options.message ? { message: options.message } : {}),
            ...(options.author ? { author: options.author } : {}),
            status: options.status,
            config: parseObject(options.config),
            metadata: keyValues(options.metadata ?? []),
          },
        });
        output.result(
          reply,
          () => `${deployment} ${reply.tag} ${reply.duplicate ? 'was published before, with the same payload' : 'published'}`,
        );
      });
    });
  version
    .command('list')
    .description('versions, newest first')
    .argument('<deployment>')
    .action(async (deployment: string) => {
      await cli.run(async ({ requests, output }) => {
        const reply = await requests.ask('registry.list', { kind: 'version', deployment });
        const versions = reply.items as { tag: string; status: string; message?: string }[];
        output.result(reply.items, () => columns(versions.map((v) => [v.tag, v.status, v.message ?? ''])));
      });
    });
  for (const [verb, status, about] of [
    ['reject', 'rejected', 'it never goes anywhere'],
    ['pause', 'paused', 'it stays where it runs and goes nowhere else'],
    ['ready', 'ready', 'it may go again'],
  ] as const) {
    version
      .command(verb)
      .description(about)
      .argument('<deployment>')
      .argument('<tag>')
      .option('--reason <text>')
      .action(async (deployment: string, tag: string, options: { reason?: string }) => {
        await cli.run(async ({ requests, output }) => {
          const reply = await requests.ask('registry.setVersionStatus', {
            deployment,
            tag,
            status,
            ...(options.reason ? { reason: options.reason } : {}),
          });
          output.result(reply, () => reply.done);
        });
      });
  }
}

interface PublishOptions {
  name?: string;
  message?: string;
  author?: string;
  status: 'building' | 'ready' | 'failed';
  config: string;
  metadata?: string[];
}

/** A variable has no value that a release could be made with. */
const FAILED_EXIT_CODE = 1;

function renderChanges(reply: ReplyOf<'registry.apply'>, paint: Paint, done: string): string {
  const changed = reply.changes.filter((change) => change.verb !== 'unchanged');
  const unchanged = reply.changes.length - changed.length;
  const lines = changed.flatMap((change) => [
    `${sign(change, paint)} ${change.kind}/${change.name}`,
    ...change.differences.map((d) => `    ${d}`),
  ]);
  lines.push(...reply.warnings.map((warning) => `${paint.yellow('!')} ${warning}`));
  lines.push(`${changed.length} ${done}, ${unchanged} unchanged; release targets +${reply.targets.added} −${reply.targets.removed}`);
  return lines.join('\n');
}

function sign(change: DocumentChange, paint: Paint): string {
  if (change.verb === 'create') return paint.green('+');
  return change.verb === 'delete' ? paint.red('−') : paint.yellow('~');
}

function parseObject(text: string): Record<string, never> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, never>;
  } catch {
    // Told below, together with JSON that is no object.
  }
  throw new SlipwayError({
    code: 'cli.config.invalid',
    kind: 'invalid',
    message: `--config must be a JSON object, like '{"image":"…"}'; got ${text}`,
  });
}

function keyValues(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const cut = pair.indexOf('=');
      if (cut < 1)
        throw new SlipwayError({ code: 'cli.metadata.invalid', kind: 'invalid', message: `--metadata takes key=value; got ${pair}` });
      return [pair.slice(0, cut), pair.slice(cut + 1)];
    }),
  );
}
