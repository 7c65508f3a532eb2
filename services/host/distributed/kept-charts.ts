import type { Postgres } from '@recourse/infra/postgres/connect';
import { chart } from '@recourse/sagas/chart';
import { chartIn, type KeptCharts } from '../machines/kept-charts.ts';

/** Charts in PostgreSQL, for all processes of an installation. */
export const postgresCharts = ({ query }: Postgres): KeptCharts => ({
  read: async (version) => {
    const [row] = await query<{ chart: string }>('select chart from machine_chart where version = $1', [
      version,
    ]);
    return row && chartIn(row.chart);
  },
  keep: async (version) => {
    await query(
      `insert into machine_chart values ($1, $2) on conflict (version) do update set chart = excluded.chart
       where machine_chart.chart <> excluded.chart`,
      [version, JSON.stringify(chart(version))],
    );
  },
});

/** The build whose machines were last found to fit all sagas that were open. */
export const keptBuild = ({ query }: Postgres) => ({
  read: async (): Promise<string | undefined> =>
    (await query<{ build: string }>('select build from machine_build'))[0]?.build,
  keep: async (build: string): Promise<void> => {
    await query(
      `insert into machine_build (build) values ($1) on conflict (only_row) do update set build = excluded.build
       where machine_build.build <> excluded.build`,
      [build],
    );
  },
});
