/** States of a saga on its way back, in every version of the machine. */
const back = new Set(['cancellingShipment', 'releasing', 'voiding', 'refunding', 'cancelling']);

/** Whether a saga in that state takes its order back. */
export const goesBack = (state: string): boolean => back.has(state);
