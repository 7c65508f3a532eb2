/** Sources run as they are; jest strips their types with swc and loads them as ES modules. */
export default {
  testEnvironment: 'node',
  roots: ['contracts', 'infra', 'sagas', 'services', 'test'].map((folder) => `<rootDir>/${folder}`),
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  testTimeout: 20_000,
  maxWorkers: 2,
};
