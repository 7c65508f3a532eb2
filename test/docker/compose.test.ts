import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { readConfig } from '@recourse/host/config';
import { roles, settings } from '@recourse/host/settings';
import { atRoot, compose, isThere, type Service, textOf, yaml } from './files.ts';

const { services, networks, volumes } = compose();
const all = Object.entries(services);
const ours = all.filter(([, { image }]) => image === 'recourse');
const withRole = ours.filter(([name]) => name !== 'topics');
const others = all.filter(([, { image }]) => image !== 'recourse');
const variables = new Set(Object.values(settings).map(({ variable }) => variable as string));

/** What others' images take, as their documentation has it. */
const variablesOfOthers: Readonly<Record<string, RegExp>> = {
  kafka: /^CLUSTER_ID$|^KAFKA_[A-Z_]+$/,
  eventstore:
    /^EVENTSTORE_(CLUSTER_SIZE|INSECURE|RUN_PROJECTIONS|ENABLE_ATOM_PUB_OVER_HTTP|TELEMETRY_OPTOUT)$/,
  postgres: /^POSTGRES_(USER|PASSWORD|DB)$/,
  'kafka-ui': /^KAFKA_CLUSTERS_0_(NAME|BOOTSTRAPSERVERS|READONLY)$/,
  grafana: /^GF_[A-Z_]+$/,
};

/** Where others' images listen. */
const portsOfOthers: Readonly<Record<string, number>> = {
  kafka: 9092,
  eventstore: 2113,
  postgres: 5432,
  'kafka-ui': 8080,
  prometheus: 9090,
  grafana: 3000,
};

const environmentOf = ({ environment }: Service) =>
  Object.fromEntries(Object.entries(environment ?? {}).map(([name, value]) => [name, String(value)]));

const configOf = (service: Service) => readConfig({}, environmentOf(service));

const portOf = (name: string) => portsOfOthers[name] ?? configOf(services[name]!).port;

describe('docker-compose.yml', () => {
  it('gives settings only that exist, with values that are taken', () => {
    for (const [, service] of ours) {
      expect(Object.keys(environmentOf(service)).filter((name) => !variables.has(name))).toEqual([]);
      expect(configOf(service)).toMatchObject({ allowUnauthenticated: true, development: true });
    }
  });

  it('gives the other images what they take', () => {
    for (const [name, service] of others) {
      const known = variablesOfOthers[name];
      const given = Object.keys(service.environment ?? {});
      expect([name, given.filter((variable) => known?.test(variable) !== true)]).toEqual([name, []]);
    }
    expect(Buffer.from(String(services.kafka?.environment?.CLUSTER_ID), 'base64url')).toHaveLength(16);
  });

  it('asks the outside for passwords alone, each with a default', () => {
    const asked = [...textOf('docker-compose.yml').matchAll(/\$\{([^}]*)\}/g)].map(([, what]) => what);
    expect([...new Set(asked)]).toEqual(['POSTGRES_PASSWORD:-recourse', 'GRAFANA_PASSWORD:-recourse']);
  });

  it('runs every role, each in one service of its name', () => {
    expect(withRole.map(([name]) => name).sort()).toEqual([...roles].sort());
    for (const [name, service] of withRole) expect([...configOf(service).role]).toEqual([name]);
  });

  it('is published on loopback only, at ports that exist, each once', () => {
    const published = all.flatMap(([name, { ports = [] }]) => ports.map((port) => ({ name, port })));
    for (const { name, port } of published) {
      expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
      expect([name, Number(port.split(':')[2])]).toEqual([name, portOf(name)]);
    }
    expect(new Set(published.map(({ port }) => port.split(':')[1])).size).toBe(published.length);
    for (const [name, service] of all) {
      expect([name, service.networks]).toEqual([name, ['private']]);
    }
    expect(Object.keys(networks)).toEqual(['private']);
  });

  it('names no server that is not there, at no other port than its own', () => {
    const named = [
      ...all.flatMap(([, service]) => Object.values(environmentOf(service))),
      textOf('infra/docker/grafana/datasource.yml'),
    ].flatMap((text) => [...text.matchAll(/(?:@|\/\/|^)([a-z][a-z-]*):(\d+)/gm)]);
    expect(named.length).toBeGreaterThan(20);
    for (const [, name, port] of named) {
      // The broker's controller listens beside it.
      if (name === 'kafka' && port === '9093') continue;
      expect([name, Number(port)]).toEqual([name, portOf(name!)]);
    }
  });

  it('watches the processes of all roles where they show their metrics', () => {
    type Scrape = { metrics_path: string; dns_sd_configs: { names: string[]; port: number }[] };
    const { scrape_configs } = yaml<{ scrape_configs: Scrape[] }>('infra/docker/prometheus.yml');
    const [scrape] = scrape_configs;
    expect([...scrape!.dns_sd_configs[0]!.names].sort()).toEqual([...roles].sort());
    for (const [name] of withRole) expect(portOf(name)).toBe(scrape!.dns_sd_configs[0]!.port);
    expect(textOf('services/api/routes/operations.ts')).toContain(`path: '${scrape!.metrics_path}'`);
  });

  it('asks for health where it is answered', () => {
    for (const [name, { healthcheck }] of all) {
      if (healthcheck.disable) continue;
      const [, port, path] = /127\.0\.0\.1[: ](\d+)(\/[\w/-]*)?/.exec(healthcheck.test!.join(' ')) ?? [];
      if (port !== undefined) expect([name, Number(port)]).toEqual([name, portOf(name)]);
      if (services[name]?.image !== 'recourse') continue;
      expect(textOf('services/api/routes/operations.ts')).toContain(`path: '${path}'`);
    }
  });

  it('waits for services that are there, and for topics before any role', () => {
    for (const [, { depends_on = {} }] of all) {
      expect(Object.keys(depends_on).filter((name) => services[name] === undefined)).toEqual([]);
    }
    for (const [, { depends_on }] of withRole) {
      expect(depends_on).toMatchObject({ topics: { condition: 'service_completed_successfully' } });
    }
    expect(services.topics?.command).toEqual(['topics']);
    expect(isThere('services/host/commands/topics.ts')).toBe(true);
  });

  it('pins images, limits memory and CPU, and starts again what ends', () => {
    for (const [name, service] of all) {
      if (service.image !== 'recourse') expect(service.image).toMatch(/:v?\d+\.\d+(\.\d+)?(-\w+)?$/);
      expect(service.deploy.resources.limits).toMatchObject({ cpus: expect.any(String) });
      expect(service.deploy.resources.limits.memory).toMatch(/^\d+M$/);
      expect([name, service.restart]).toEqual([name, name === 'topics' ? 'on-failure:5' : 'unless-stopped']);
      expect(service.healthcheck).toBeDefined();
    }
  });

  it('gives a process longer to stop than it takes', () => {
    for (const [, service] of ours) {
      const seconds = Number(/^(\d+)s$/.exec(service.stop_grace_period!)?.[1]);
      expect(seconds * 1_000).toBeGreaterThan(configOf(service).shutdownMsMax);
      expect(service.init).toBe(true);
    }
  });

  it('has connections to PostgreSQL for all processes', () => {
    const listeningMax = 4;
    const wanted = ours.reduce(
      (sum, [, service]) =>
        sum + (service.deploy.replicas ?? 1) * (configOf(service).postgresConnectionsMax + listeningMax),
      0,
    );
    const [, max] = /max_connections=(\d+)/.exec(services.postgres!.command!.join(' '))!;
    expect(wanted).toBeLessThan(Number(max));
  });

  it('mounts volumes that are declared and files that are there', () => {
    for (const volume of all.flatMap(([, service]) => service.volumes ?? [])) {
      const [from] = volume.split(':');
      if (from!.startsWith('./')) expect([from, isThere(from!)]).toEqual([from, true]);
      else expect(Object.keys(volumes)).toContain(from);
    }
  });

  const plugin = spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0;
  const check = plugin ? it : it.skip;
  check(`is what docker compose takes${plugin ? '' : ' (skipped: no docker compose here)'}`, () => {
    execFileSync('docker', ['compose', '-f', atRoot('docker-compose.yml'), 'config', '--quiet']);
  });
});
