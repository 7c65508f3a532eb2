import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/** Reads the files with which Recourse runs in containers, as tests look at them. */

/** The path of a file of this repository. */
export const atRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const isThere = (path: string): boolean => existsSync(atRoot(path));

export const textOf = (path: string): string => readFileSync(atRoot(path), 'utf8');

/** The part of a service in `docker-compose.yml` that is looked at. */
export type Service = {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly restart: string;
  readonly init?: boolean;
  readonly stop_grace_period?: string;
  readonly healthcheck: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly deploy: {
    readonly replicas?: number;
    readonly resources: { readonly limits: { readonly cpus: string; readonly memory: string } };
  };
};

/** `docker-compose.yml`, its variables replaced by their defaults. */
export const compose = (): {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: object;
  readonly volumes: object;
} =>
  parse(
    textOf('docker-compose.yml').replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, _name, value) => value),
    {
      merge: true,
    },
  );

/** Any YAML file of this repository. */
export const yaml = <T>(path: string): T => parse(textOf(path)) as T;
