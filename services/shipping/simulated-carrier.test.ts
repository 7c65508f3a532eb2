import { openFileRoom } from '../../test/books-kit.ts';
import { openSimulatedCarrier } from './simulated-carrier.ts';
import { type CarrierRoom, carrierSuite } from './testing/carrier-suite.ts';

carrierSuite(
  'in a file',
  (): CarrierRoom => openFileRoom((path, options) => openSimulatedCarrier({ path, ...options })),
);
