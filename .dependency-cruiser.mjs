/** Dependencies point one way: host → services, sagas → infra (ports only) → contracts. */
const adapters =
  '^infra/(backup|log|broker|project|timer-store|state-file|lock|system|kafka|postgres/|eventstore|relay|deliveries)';
const workspaces = '^(contracts|infra|sagas|services|test)/';

export default {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'contracts-import-zod-only',
      severity: 'error',
      from: { path: '^contracts/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: ['^contracts/', '^node_modules/zod/'] },
    },
    {
      name: 'infra-knows-contracts-only',
      severity: 'error',
      from: { path: '^infra/', pathNot: ['\\.test\\.ts$', '/testing/'] },
      to: { path: workspaces, pathNot: ['^infra/', '^contracts/'] },
    },
    {
      name: 'sagas-know-ports-only',
      comment: 'Only the composition roots in services/host import adapters.',
      severity: 'error',
      from: { path: '^sagas/', pathNot: '\\.test\\.ts$' },
      to: { path: ['^services/', '^test/', adapters] },
    },
    {
      name: 'services-know-ports-only',
      severity: 'error',
      from: {
        path: '^services/',
        pathNot: [
          '^services/host/',
          '\\.test\\.ts$',
          '/simulated-',
          '^services/api/(projections|query|read-models|verify)',
        ],
      },
      to: { path: ['^services/host/', '^test/', adapters] },
    },
    {
      name: 'participants-do-not-know-each-other',
      severity: 'error',
      from: { path: '^services/(order|payment|inventory|shipping|ingest)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'simulators-belong-to-the-host',
      severity: 'error',
      from: {
        path: '^services/(?!host/)',
        pathNot: ['\\.test\\.ts$', '/simulated-', '^services/api/projections/'],
      },
      to: { path: '/simulated-' },
    },
    {
      name: 'nothing-that-is-not-declared',
      comment: 'What is only there because something else needs it may be gone with the next install.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'nothing-that-is-not-there',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: 'swc',
    combinedDependencies: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs'],
      exportsFields: ['exports'],
      conditionNames: ['node', 'import'],
    },
  },
};
