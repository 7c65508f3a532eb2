import { describe, expect, it } from '@jest/globals';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import { compose, textOf, yaml } from './files.ts';

type Panel = {
  readonly title: string;
  readonly datasource: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string }[];
};

const { panels, uid } = JSON.parse(textOf('infra/docker/grafana/recourse.json')) as {
  panels: readonly Panel[];
  uid: string;
};
const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

describe("Grafana's dashboard", () => {
  it('shows every metric that a process has, and none that it has not', async () => {
    const metrics = createMetrics();
    const text = await metrics.text();
    metrics.close();
    const types = new Map(
      [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type]),
    );
    const shown = new Set<string>();
    for (const [name] of expressions.join('\n').matchAll(/\b(?:recourse|process)_\w+/g)) {
      const [, base, part] = /^(.*?)(_bucket|_count|_sum)?$/.exec(name)!;
      shown.add(base!);
      expect([name, types.get(base!) === 'histogram']).toEqual([name, part !== undefined]);
    }
    expect([...shown].sort()).toEqual([...types.keys()].sort());
  });

  it('groups by labels that the metrics have, or Prometheus gives', async () => {
    const source = textOf('infra/telemetry/metrics.ts');
    const given = ['le', 'instance', 'role'];
    for (const [, list] of expressions.join('\n').matchAll(/by \(([^)]*)\)/g)) {
      for (const label of list!.split(', ').filter((name) => !given.includes(name)))
        expect(source).toContain(`'${label}'`);
    }
    expect(textOf('infra/docker/prometheus.yml')).toContain('target_label: role');
  });

  it('asks the data source that is provisioned, and its panels do not overlap', () => {
    type Sources = { datasources: { uid: string; url: string }[] };
    const [source] = yaml<Sources>('infra/docker/grafana/datasource.yml').datasources;
    const taken = new Set<string>();
    for (const { title, datasource, gridPos } of panels) {
      expect([title, datasource.uid]).toEqual([title, source!.uid]);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`)).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
    expect(uid).toBe('recourse');
  });

  it('is where Grafana looks for it', () => {
    const { options } = yaml<{ providers: { options: { path: string } }[] }>(
      'infra/docker/grafana/dashboards.yml',
    ).providers[0]!;
    const { volumes, environment } = compose().services.grafana!;
    const place = `${options.path}/recourse.json`;
    expect(volumes).toContain(`./infra/docker/grafana/recourse.json:${place}:ro`);
    expect(environment?.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH).toBe(place);
  });
});
