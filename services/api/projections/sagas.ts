import type { SagaState } from '@recourse/contracts/http';
import { projection, type Rows, table } from '@recourse/infra/project/projection';

/** The list of sagas: one row each, from its order's creation on. */

/** A saga in the list; times in milliseconds since 1970. */
export type SagaRow = {
  /** Of its OrderCreated: newer sagas have higher ones. */
  readonly position: number;
  readonly sagaId: string;
  readonly state: SagaState;
  /** The version of the machine that its last step was taken with; null before its first. */
  readonly machine: number | null;
  readonly because: string | null;
  readonly flags: readonly string[];
  /** 1: an outcome came after a person had settled its step. */
  readonly lateAnswer: 0 | 1;
  /** The wire name of the command that has not been answered. */
  readonly waitsFor: string | null;
  readonly startedAt: number;
  readonly updatedAt: number;
  /** Null before its first step. */
  readonly deadline: number | null;
  readonly endedAt: number | null;
};

const sagas = table<SagaRow>({
  columns: {
    position: 'integer primary key',
    sagaId: 'text not null',
    state: 'text not null',
    machine: 'integer',
    because: 'text',
    flags: 'json not null',
    lateAnswer: 'integer not null',
    waitsFor: 'text',
    startedAt: 'time integer not null',
    updatedAt: 'time integer not null',
    deadline: 'time integer',
    endedAt: 'time integer',
  },
  key: ['sagaId'],
  hot: ['endedAt', null],
  // Each index ends in the position by itself, which is the order of the list. The last two are as small as few are open.
  indexes: ['(state)', '(startedAt)', '(endedAt) where endedAt is null', '(machine) where endedAt is null'],
});

const noFlags: readonly string[] = [];

type Settled = { readonly correlation: string; readonly data: { readonly late?: true | undefined } };

const noteLate = ({ sagas }: { readonly sagas: Rows<SagaRow> }, { correlation, data }: Settled) => {
  if (data.late !== true) return;
  const row = sagas.find(correlation);
  if (row !== undefined) sagas.put({ ...row, lateAnswer: 1 });
};

/** See `SagaRow`. */
export const sagasProjection = projection({
  name: 'sagas',
  version: 2,
  tables: { sagas },
  fold: {
    OrderCreated: (tables, { position, correlation, time }) =>
      tables.sagas.put({
        position,
        sagaId: correlation,
        state: 'accepted',
        machine: null,
        because: null,
        flags: noFlags,
        lateAnswer: 0,
        waitsFor: null,
        startedAt: time,
        updatedAt: time,
        deadline: null,
        endedAt: null,
      }),

    SagaAdvanced: (tables, { correlation, time, data: { machine, state, timers } }) => {
      const row = tables.sagas.get(correlation) ?? tables.sagas.find(correlation);
      if (row === undefined) return;
      const { because, flags, outstanding } = state.context;
      const deadline = timers.set.find(({ kind }) => kind === 'deadline');
      const done = state.status === 'done';
      tables.sagas.put({
        ...row,
        state: state.value as SagaState,
        machine: machine.version,
        because: because ?? null,
        flags: flags ?? noFlags,
        waitsFor: done ? null : (outstanding?.type ?? null),
        updatedAt: time,
        deadline: row.deadline ?? (deadline === undefined ? null : time + deadline.afterMs),
        endedAt: done ? (row.endedAt ?? time) : null,
      });
    },

    PaymentProcessed: noteLate,
    PaymentFailed: noteLate,
    PaymentRefunded: noteLate,
    PaymentAuthorized: noteLate,
    AuthorizationFailed: noteLate,
    PaymentCaptured: noteLate,
    PaymentVoided: noteLate,
    OrderShipped: noteLate,
    ShippingFailed: noteLate,
    ShipmentCancelled: noteLate,
    ShipmentCancellationRefused: noteLate,
  },
});
