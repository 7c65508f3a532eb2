import { runProjector } from '@recourse/infra/project/run';
import { projections } from './all.ts';
import { type BooksPaths, computeLedger } from './ledger-compare.ts';
import { orUnavailable } from './unavailable.ts';

/** The thread that fills the read models: started as a module of its own, see `openReadModels`. */
runProjector(projections, {
  ledger: (folding, extra) =>
    orUnavailable('ledger', folding, () => computeLedger(folding, extra as BooksPaths)),
});
