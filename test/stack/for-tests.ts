import { globSync } from 'node:fs';
import { join, relative } from 'node:path';
import { StackMissingError } from './missing.ts';
import { type Stack, startStack } from './stack.ts';

/** What jest does before and after the tests of its project `stack`: see jest.config.mjs. */

/** The part of jest's configuration that is read here. */
export type JestConfig = {
  readonly rootDir: string;
  readonly testPathPatterns: {
    toExecutor(options: { readonly cwd: string }): { isMatch(path: string): boolean };
  };
};

const say = (line: string) => process.stderr.write(`${line}\n`);
let running: Stack | undefined;

/**
 * Takes the stack that STACK_KAFKA_BROKERS and STACK_POSTGRES_URL name, else starts one and says there where it is.
 * Where none can be started, STACK_MISSING says why, and which suites are skipped is printed; with
 * STACK_REQUIRED=true that is a failure.
 */
export const stackBefore = async (config: JestConfig): Promise<void> => {
  const { env } = process;
  if (isSet(env.STACK_KAFKA_BROKERS) && isSet(env.STACK_POSTGRES_URL)) return;
  try {
    running = await startStack({ say });
  } catch (error) {
    if (!(error instanceof StackMissingError) || env.STACK_REQUIRED === 'true') throw error;
    env.STACK_MISSING = error.parts.join('; ');
    say(`\n${error.message}\nSo these are skipped:`);
    for (const suite of suitesOf(config)) say(`  ${suite}`);
    say('');
    return;
  }
  env.STACK_KAFKA_BROKERS = running.environment.KAFKA_BROKERS;
  env.STACK_POSTGRES_URL = running.environment.POSTGRES_URL;
};

/** Stops what was started. */
export const stackAfter = async (): Promise<void> => {
  await running?.stop();
};

const isSet = (text: string | undefined) => text !== undefined && text !== '';

const suitesOf = ({ rootDir, testPathPatterns }: JestConfig): readonly string[] => {
  const asked = testPathPatterns.toExecutor({ cwd: rootDir });
  return globSync('{contracts,infra,sagas,services,test}/**/*.stack.test.ts', { cwd: rootDir })
    .map((path) => join(rootDir, path))
    .filter((path) => asked.isMatch(path))
    .map((path) => relative(rootDir, path))
    .sort();
};
