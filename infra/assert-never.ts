/** Closes a switch: does not compile while a case is missing, and throws where a value was never of its type. */
export const assertNever = (value: never): never => {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
};
