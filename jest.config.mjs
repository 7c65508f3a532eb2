/**
 * Sources run as they are; jest strips their types with swc and loads them as ES modules. Tests on a real Kafka and a
 * real PostgreSQL (`*.stack.test.ts`) are a project of their own: both are started only when one of them is to run.
 */
const shared = {
  testEnvironment: 'node',
  roots: ['contracts', 'infra', 'sagas', 'services', 'test'].map((folder) => `<rootDir>/${folder}`),
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
};

export default {
  maxWorkers: 2,
  // jest takes it from here for all projects, whatever they say.
  testTimeout: 120_000,
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '\\.stack\\.test\\.ts$'],
    },
    {
      ...shared,
      displayName: 'stack',
      testMatch: ['**/*.stack.test.ts'],
      globalSetup: '<rootDir>/test/stack/setup.mjs',
      globalTeardown: '<rootDir>/test/stack/teardown.mjs',
      setupFilesAfterEnv: ['<rootDir>/test/stack/patience.mjs'],
    },
  ],
};
