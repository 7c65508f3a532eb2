import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { resolve as absolute } from 'node:path';
import { parseEnv } from 'node:util';
import { StartError } from '@recourse/infra/errors';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { jarsThere, kafkaJars, kafkaVersion } from './jars.ts';
import { findPrograms } from './programs.ts';
import { type Stack, startStack } from './stack.ts';

/** `npm run stack`: Kafka and PostgreSQL for development, until a signal. Progress on stderr, what one needs on stdout. */

type Options = {
  readonly kafkaPort?: number;
  readonly postgresPort?: number;
  readonly environment: string;
  readonly prepare?: true;
  readonly json?: true;
};

const print = (text: string) => process.stdout.write(`${text}\n`);
const complain = (text: string) => process.stderr.write(`${text}\n`);

const portOf = (text: string): number => {
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1 to 65535.');
};

const main = async () => {
  const command = new Command('npm run stack --')
    .description(
      'Starts a real Kafka and a real PostgreSQL on loopback, until Ctrl-C; then nothing is left of them.',
    )
    .option('--kafka-port <port>', 'where Kafka listens; any free port, if left out', portOf)
    .option('--postgres-port <port>', 'where PostgreSQL listens; any free port, if left out', portOf)
    // Not --env-file: Node reads that as its own, wherever it stands.
    .option('--environment <file>', 'where the environment to use is written while they run', '.env.stack')
    .option('--prepare', "only look for what is needed and fetch Kafka's jars")
    .option('--json', 'say where they are as JSON')
    .exitOverride()
    .action(run);
  try {
    await command.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else {
      complain(error instanceof Error ? error.message : String(error));
      process.exitCode = 1;
    }
  }
};

const run = async (options: Options) => {
  if (options.prepare) {
    const programs = await findPrograms(jarsThere());
    const jars = await kafkaJars(programs.mvn, complain);
    print(options.json ? JSON.stringify({ jars, ...programs }) : `All is there for Kafka ${kafkaVersion}.`);
    return;
  }
  const envFile = absolute(options.environment);
  await refuseSecond(envFile, options.environment);
  const { promise: over, resolve: end } = Promise.withResolvers<string>();
  let isStarting = true;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // What has been started so far is ended by its guard.
      if (isStarting) process.exit(1);
      end(`${signal}: stopping.`);
    });
  }
  if (process.env.npm_lifecycle_event === 'stack') onOrphaned(() => process.kill(process.pid, 'SIGTERM'));
  const stack = await startStack({
    ...(options.kafkaPort !== undefined && { kafkaPort: options.kafkaPort }),
    ...(options.postgresPort !== undefined && { postgresPort: options.postgresPort }),
    leftovers: [envFile],
    say: complain,
    onEnd: (error) => {
      process.exitCode = 1;
      end(error.message);
    },
  });
  await writeEnvironment(stack, envFile);
  isStarting = false;
  tell(stack, options);
  complain(await over);
  await rm(envFile, { force: true });
  await stack.stop();
};

const lookForParentEveryMs = 500;

/** npm passes signals on, but not when it is killed -9. */
const onOrphaned = (then: () => void) => {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    then();
  }, lookForParentEveryMs);
  timer.unref();
};

/** One file names one stack: a second would take it away from the first. What a crash left behind is no obstacle. */
const refuseSecond = async (envFile: string, asGiven: string) => {
  const text = await readFile(envFile, 'utf8').catch(() => '');
  const [, host, port] = /^(.*):(\d+)$/.exec(parseEnv(text).KAFKA_BROKERS ?? '') ?? [];
  if (host === undefined || !(await answers(host, Number(port)))) return;
  throw new StartError(
    'stack-running',
    `A stack runs already, and ${asGiven} names it (Kafka on ${host}:${port}). Use that, stop it, or give this one another --environment.`,
  );
};

const answers = (host: string, port: number) =>
  new Promise<boolean>((answer) => {
    const socket = connect({ host, port });
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('connect', () => socket.destroy());
  });

/** Whole or not at all, and for us alone: there is a password in it. */
const writeEnvironment = async ({ environment }: Stack, envFile: string) => {
  const lines = Object.entries(environment).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(`${envFile}.new`, lines.join(''), { mode: 0o600 });
  await chmod(`${envFile}.new`, 0o600);
  await rename(`${envFile}.new`, envFile);
};

const tell = (stack: Stack, { json, environment: envFile }: Options) => {
  const { environment, folder, kafka, postgres } = stack;
  if (json) {
    const of = ({ port, logFile, version, pids }: Stack['kafka'] | Stack['postgres']) => {
      const [pid] = pids();
      return { port, pid, version, logFile };
    };
    print(JSON.stringify({ environment, envFile, folder, kafka: of(kafka), postgres: of(postgres) }));
    return;
  }
  print('');
  for (const [name, value] of Object.entries(environment)) print(`  ${name}=${value}`);
  print('');
  print(`The same is in ${envFile} while they run. In another terminal:`);
  print(`  set -a; . ./${envFile}; set +a; npm start`);
  print(`Logs and data: ${folder}`);
  print('Ctrl-C stops both and removes what they have kept.');
};

await main();
