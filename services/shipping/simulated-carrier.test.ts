import { openFileRoom } from '../../test/books-kit.ts';
import { type CarrierRoom, carrierSuite } from '../../test/contract/simulated/carrier.ts';
import { openSimulatedCarrier } from './simulated-carrier.ts';

carrierSuite(
  'in a file',
  (): CarrierRoom => openFileRoom((path, options) => openSimulatedCarrier({ path, ...options })),
);
