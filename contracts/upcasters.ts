/**
 * Old data made readable as the present schema: applied whenever a record is read, never written back. Each type has
 * a chain: the first function makes version 2 out of version 1, the second version 3 out of 2. Pure.
 */
export const upcasters: Readonly<Record<string, readonly ((data: never) => unknown)[]>> = {
  SagaAdvanced: [
    // Version 2 names the category of the stream that was heard: whose it is the record's own stream says.
    ({ input: { stream, ...input }, ...data }: SagaAdvancedV1) => ({
      input: {
        id: input.id,
        type: input.type,
        category: stream.slice(0, -'-'.length - uuidLength),
        revision: input.revision,
        ...(input.started === undefined ? {} : { started: input.started }),
      },
      ...data,
    }),
  ],
};

const uuidLength = 36;

type SagaAdvancedV1 = {
  readonly input: {
    readonly id: string;
    readonly type: string;
    readonly stream: string;
    readonly revision: number;
    readonly started?: boolean;
  };
};

/** Data of a type as of `version` in its present shape; the same data where that is the present version. */
export const upcast = (type: string, version: number, data: unknown): unknown => {
  const chain = upcasters[type];
  if (chain === undefined || version > chain.length) return data;
  return chain.slice(version - 1).reduce<unknown>((older, next) => next(older as never), data);
};
