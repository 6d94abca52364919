import { join, resolve } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import type { Cli } from './cli.js';
import { agentCommands, runAgent } from './commands/agents.js';
import { credentialCommands } from './commands/credentials.js';
import { deadLetterCommands } from './commands/dead-letters.js';
import { inboxCommand } from './commands/inbox.js';
import { foresightCommands } from './commands/foresight.js';
import { logsCommand } from './commands/logs.js';
import { peopleCommands } from './commands/people-commands.js';
import { policyCommands } from './commands/policy-commands.js';
import { provisionCommand } from './commands/provision.js';
import { registryCommands } from './commands/registry-commands.js';
import { schedulerCommands } from './commands/scheduler-commands.js';
import { verificationCommand } from './commands/verification.js';
import { watchCommand } from './commands/watch.js';
import { Output, type OutputFormat } from './output.js';
import { openSession } from './session.js';
import { DATA_DIRECTORY, findServer, type WhereOptions } from './where.js';

const EXIT_HELP = `
Exit codes: 0 done, 1 failed, 2 asked wrongly, 3 not allowed, 4 not there, 5 conflict, 6 superseded, 7 nobody answered, 8 unknown outcome,
10 diff or inbox found something, 70 a bug of ours.
The server is found by --server and --creds, SLIPWAY_NATS_URL and SLIPWAY_NATS_CREDS (or NATS_URL and NATS_CREDS), .slipway/ here or above, a nats context.`;

type GlobalOptions = WhereOptions & { output: OutputFormat };

const program = new Command('slipway');
program
  .description('Takes every version to every place it must run, through your gates, and brings it back when it is bad.')
  .option('--server <url>', 'NATS server')
  .option('--creds <file>', 'credentials file')
  .option('--context <name>', 'context of the nats CLI')
  .option('--directory <folder>', 'data directory of slipway up')
  .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'))
  .addHelpText('after', EXIT_HELP)
  .showSuggestionAfterError()
  .exitOverride();

const options = (): GlobalOptions => program.opts<GlobalOptions>();

const cli: Cli = {
  async run(action) {
    const output = new Output(options().output);
    try {
      const session = await openSession(findServer(options(), process.env, process.cwd()), output);
      try {
        process.exitCode = (await action(session)) ?? 0;
      } finally {
        await session.close();
      }
    } catch (error) {
      process.exitCode = output.fail(error);
    }
  },
  async runLocal(action) {
    const output = new Output(options().output);
    try {
      process.exitCode = (await action(output)) ?? 0;
    } catch (error) {
      process.exitCode = output.fail(error);
    }
  },
};

const onThisMachine = (command: Command): Command =>
  command
    .option('--nats-port <port>', 'port of the NATS server; another when it is in use', Number)
    .option('--port-shift <n>', "move the ports of the quickstart's hosts by this much", Number);

onThisMachine(program.command('up'))
  .description('everything on this machine: servers, services, an agent, the quickstart')
  .option('--no-quickstart', 'without the example')
  .action((own: { quickstart: boolean; natsPort?: number; portShift?: number }) =>
    cli.runLocal(async (output) => {
      // Loaded only here: the servers' side of the house costs every other command a second.
      const { up } = await import('./up/up.js');
      return up({ directory: resolve(options().directory ?? DATA_DIRECTORY), ...own }, output);
    }),
  );
onThisMachine(program.command('demo'))
  .description('the whole story on fresh data: four versions, one of them bad, processes killed on the way')
  .option('--keep', 'keep the data directory afterwards', false)
  .addOption(
    new Option('--with <what>', 'also bring the hosts about by Terraform or OpenTofu, which must be installed').choices(['terraform']),
  )
  .action((own: { keep: boolean; with?: 'terraform'; natsPort?: number; portShift?: number }) =>
    cli.runLocal(async (output) => {
      const { demo } = await import('./demo/demo.js');
      return demo({ directory: resolve(options().directory ?? join(DATA_DIRECTORY, 'demo')), ...own }, output);
    }),
  );
registryCommands(program, cli);
schedulerCommands(program, cli);
inboxCommand(program, cli);
watchCommand(program, cli);
verificationCommand(program, cli);
policyCommands(program, cli);
foresightCommands(program, cli);
peopleCommands(program, cli);
logsCommand(program, cli);
agentCommands(program, cli);
deadLetterCommands(program, cli);
provisionCommand(program, cli);
credentialCommands(program, cli);
// A failure between two awaits of a library must not look like success.
process.on('unhandledRejection', (error) => {
  process.exitCode = new Output(options().output).fail(error);
  process.exit();
});

// The agent program's options are its own; ours of the same names must not swallow them.
const [group, command, ...rest] = process.argv.slice(2);
try {
  if (group === 'agent' && command === 'run') await runAgent(rest);
  else await program.parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
// Connections are closed by now; nothing of ours may keep the process.
if (process.exitCode !== undefined) {
  // A pipe takes what is written bit by bit; an exit before its end would cut the document off.
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
  process.exit();
}
